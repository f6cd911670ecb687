import Commissions
import Core
import Crypto
import EventLoop
import Postgres

/// What partners are to be told, gathered during a transaction and written with what caused it.
///
/// An event is stored once as bytes, and a delivery for each endpoint of the partner that asked for its type. Without such
/// an endpoint nothing is stored: nobody is owed anything.
struct Outbox {
    private struct Message {
        let id: String
        let programme: String
        let partnerID: UUID
        let orderID: UUID
        let type: String
        let data: JSON
    }

    private var messages: [Message] = []

    /// - Parameters:
    ///   - entityID: the conversion or commission that it is about.
    ///   - version: of that entity's row; with the type it names the event, so that doing a step again names the same one.
    mutating func add(_ type: String, order: LockedOrder, partnerID: UUID, entityID: UUID, version: Int64, data: JSON) {
        let identity = UUID.derived("webhook-event", type, entityID.description, String(version))
        messages.append(
            Message(
                id: "msg_" + identity.description.filter { $0 != "-" }, programme: order.programme,
                partnerID: partnerID,
                orderID: order.id, type: type, data: data))
    }

    /// Writes events and deliveries, and answers what is owed now.
    @Loop func write(_ transaction: PostgresTransaction, now: EpochMilliseconds) async throws -> [OrderBook
        .OwedDelivery]
    {
        guard !messages.isEmpty else { return [] }
        var endpoints: [UUID: [(id: UUID, types: [String])]] = [:]
        let partnerIDs = Set(messages.map(\.partnerID)).sorted()
        for row in try await transaction.execute(OrderStatements.readEndpoints, [.uuids(partnerIDs)]) {
            endpoints[try row.uuid(1), default: []].append((try row.uuid(0), try row.texts(2).compactMap(\.self)))
        }
        var wanted: [Message] = []
        var deliveries: [(id: UUID, eventID: String, endpointID: UUID)] = []
        for message in messages {
            let asking = endpoints[message.partnerID, default: []].filter { endpoint in
                endpoint.types.contains { Self.pattern($0, matches: message.type) }
            }
            guard !asking.isEmpty else { continue }
            wanted.append(message)
            for endpoint in asking {
                deliveries.append((.derived("delivery", message.id, endpoint.id.description), message.id, endpoint.id))
            }
        }
        guard !wanted.isEmpty else { return [] }
        transaction.post(
            OrderStatements.insertWebhookEvents,
            [
                .texts(wanted.map(\.id)), .texts(wanted.map(\.programme)), .uuids(wanted.map(\.partnerID)),
                .texts(wanted.map(\.type)), .uuids(wanted.map(\.orderID)),
                .bytesArray(wanted.map { Self.body(of: $0, now: now) }),
            ])
        transaction.post(
            OrderStatements.insertDeliveries,
            [.uuids(deliveries.map(\.id)), .texts(deliveries.map(\.eventID)), .uuids(deliveries.map(\.endpointID))])
        return deliveries.map {
            OrderBook.OwedDelivery(deliveryID: $0.id, endpointID: $0.endpointID, attempt: 0, delay: .zero)
        }
    }

    /// A type is asked for exactly, or by its group: `commission.*`. `*` is everything.
    static func pattern(_ pattern: String, matches type: String) -> Bool {
        if pattern == type || pattern == "*" { return true }
        return pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast())
    }

    /// `{ "id", "type", "event", "timestamp", "data" }`: the specified body, and a Standard Webhooks payload too.
    private static func body(of message: Message, now: EpochMilliseconds) -> [UInt8] {
        let json: JSON = [
            "id": .string(message.id), "type": .string(message.type), "event": .string(message.type),
            "timestamp": .string(now.rfc3339), "data": message.data,
        ]
        return json.serialized()
    }
}
