package import Core
import Crypto
package import JobQueue

/// What can happen to an order, as order systems name it and as the envelope carries it.
package enum OrderEventType: String, CaseIterable, Sendable {
    case created = "order.created"
    case updated = "order.updated"
    case confirmed = "order.confirmed"
    case cancelled = "order.cancelled"
    case refunded = "order.refunded"
}

/// One event, mapped: what an order system or a shop said, in the words and units of the facts.
package struct OrderEvent: Sendable {
    /// The kind of the jobs that carry events; the conversion worker's name for it.
    package static let jobKind = "order-event.v1"

    package let type: OrderEventType
    /// The sender's id of the event.
    package let eventID: String
    /// The sender's id of the order.
    package let orderID: String
    /// When it happened; nil means when it is accepted.
    package let occurredAt: EpochMilliseconds?
    /// The mapped fields as canonical JSON.
    package let data: [UInt8]
    /// SHA-256 over the mapped fields: what makes a repeated event the same event. The time counts where the sender gave
    /// one, the time of acceptance never does.
    package let digest: [UInt8]

    package init(
        _ type: OrderEventType, eventID: String, orderID: String, occurredAt: EpochMilliseconds?, data: [UInt8],
        digest: [UInt8]? = nil
    ) {
        self.type = type
        self.eventID = eventID
        self.orderID = orderID
        self.occurredAt = occurredAt
        self.data = data
        self.digest = digest ?? Self.digest(type, orderID: orderID, occurredAt: occurredAt, data: data)
    }

    /// SHA-256 over the canonical JSON of these.
    static func digest(
        _ type: OrderEventType, orderID: String, occurredAt: EpochMilliseconds?, data: [UInt8]
    ) -> [UInt8] {
        var writer = DataWriter(capacity: data.count + 128)
        writer.set("type", type.rawValue)
        writer.set("orderId", orderID)
        writer.set("occurredAt", occurredAt?.rawValue)
        writer.set("data", raw: data)
        return SHA256.digest(writer.end())
    }
}

/// The names that an accepted event has in the books, for the answer to who sent it. One object, because batches pass
/// thousands of them from hand to hand.
package final class AcceptedEvent: Sendable {
    package let type: OrderEventType
    package let eventID: String
    package let orderID: String
    /// Derived from source and event id; also the job's id.
    package let id: String
    /// Derived from programme, source and order id.
    package let order: String

    package init(_ event: OrderEvent, programme: String, source: String) {
        type = event.type
        eventID = event.eventID
        orderID = event.orderID
        id = UUID.derived("event", source, event.eventID).description
        order = UUID.derived("order", programme, source, event.orderID).description
    }

    /// The job that carries the event: its envelope.
    package func job(_ event: OrderEvent, programme: String, source: String, acceptedAt: EpochMilliseconds) -> NewJob {
        var writer = DataWriter(capacity: event.data.count + 400)
        writer.set("v", 1)
        writer.set("programme", programme)
        writer.set("source", source)
        writer.set("eventId", eventID)
        writer.set("type", type.rawValue)
        writer.set("orderId", orderID)
        writer.set("occurredAt", (event.occurredAt ?? acceptedAt).rawValue)
        writer.set("acceptedAt", acceptedAt.rawValue)
        writer.set("digest", Hex.encode(event.digest))
        writer.set("data", raw: event.data)
        return NewJob(
            id: id, queue: .conversions, kind: OrderEvent.jobKind, payload: writer.end(), shardKey: order,
            sameness: event.digest)
    }

    /// What the sender is told of it.
    func write(to writer: inout DataWriter, isDuplicate: Bool) {
        writer.set("eventId", eventID)
        writer.set("id", id)
        writer.set("orderId", orderID)
        writer.set("duplicate", isDuplicate)
        // Known at once because it is derived; the conversion itself is made by the worker.
        writer.set("conversionId", UUID.derived("conversion", order).description)
    }
}
