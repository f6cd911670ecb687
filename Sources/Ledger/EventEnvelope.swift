package import Core
import Crypto

/// An order event as the ingest accepted it: the payload of a job in the queue `conversions`.
///
/// Its wire form is one JSON object (`kind` ``jobKind``); amounts in `data` are integers of minor units. The ids are derived
/// from what the order system calls things, so that doing a step again names the same rows.
package struct EventEnvelope: Sendable {
    /// The kind of the jobs that carry it; the number is the version of the payload.
    package static let jobKind = "order-event.v1"

    /// What can happen to an order, as order systems name it.
    package enum EventType: String, CaseIterable, Sendable {
        case created = "order.created"
        case updated = "order.updated"
        case confirmed = "order.confirmed"
        case cancelled = "order.cancelled"
        case refunded = "order.refunded"
    }

    /// Why a payload is no envelope, with the field; safe for logs.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    package let programme: String
    /// Who sent it: bound to the key or the hook, never taken from the body.
    package let source: String
    /// The sender's id of the event, unique for its source.
    package let externalEventID: String
    package let type: EventType
    package let externalOrderID: String
    package let occurredAt: EpochMilliseconds
    /// Stamped by the ingest.
    package let acceptedAt: EpochMilliseconds
    /// SHA-256 over the mapped fields: the same event id with another digest is another event, and refused.
    package let digest: [UInt8]
    package let data: JSON
    /// The envelope's bytes, stored as they are.
    package let payload: [UInt8]

    package let eventID: UUID
    package let orderID: UUID

    package static func eventID(source: String, externalEventID: String) -> UUID {
        .derived("event", source, externalEventID)
    }

    package static func orderID(programme: String, source: String, externalOrderID: String) -> UUID {
        .derived("order", programme, source, externalOrderID)
    }

    package init(payload: [UInt8]) throws(Malformed) {
        let json: JSON
        do { json = try JSON.parse(payload) } catch { throw Malformed(description: "payload: \(error)") }
        guard json["v"]?.integer == 1 else { throw Malformed(description: "v: only version 1 is known") }
        func text(_ key: String) throws(Malformed) -> String {
            guard let value = json[key]?.string, !value.isEmpty else {
                throw Malformed(description: "\(key): a string is required")
            }
            return value
        }
        func instant(_ key: String) throws(Malformed) -> EpochMilliseconds {
            guard let value = json[key]?.integer else {
                throw Malformed(description: "\(key): milliseconds are required")
            }
            return EpochMilliseconds(rawValue: value)
        }
        programme = try text("programme")
        source = try text("source")
        externalEventID = try text("eventId")
        externalOrderID = try text("orderId")
        eventID = Self.eventID(source: source, externalEventID: externalEventID)
        orderID = Self.orderID(programme: programme, source: source, externalOrderID: externalOrderID)
        occurredAt = try instant("occurredAt")
        acceptedAt = try instant("acceptedAt")
        guard let type = EventType(rawValue: try text("type")) else {
            throw Malformed(description: "type: not an order event")
        }
        self.type = type
        guard let digest = Hex.decode(try text("digest")), digest.count == 32 else {
            throw Malformed(description: "digest: 64 hexadecimal digits are required")
        }
        self.digest = digest
        data = json["data"] ?? [:]
        self.payload = payload
    }
}
