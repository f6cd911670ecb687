import Core
import Crypto
import Ledger

@testable import JobQueue

func uuid(_ number: UInt64) -> UUID { UUID(high: 0x7000, low: 0x8000_0000_0000_0000 | number) }

func instant(_ milliseconds: Int64) -> EpochMilliseconds { EpochMilliseconds(rawValue: milliseconds) }

let partner = uuid(1)
let rival = uuid(2)
let endpoint = uuid(300)
let day: Int64 = 86_400_000
/// 2025-11-03T10:30:00Z.
let orderTime: Int64 = 1_762_165_800_000
/// When the hold of ``confirmed(_:at:)`` ends: seven days after it was accepted, which was a second after it happened.
let holdEnd = instant(orderTime + 2000 + 7 * day)

/// An event as the ingest would have made it; the same content said again has the same id.
func event(
    _ type: EventEnvelope.EventType, _ order: String, _ data: JSON = [:], at time: Int64, programme: String = "default"
) throws -> EventEnvelope {
    let content: JSON = [
        "type": .string(type.rawValue), "orderId": .string(order), "occurredAt": JSON(integer: time), "data": data,
    ]
    let digest = Hex.encode(SHA256.digest(content.serialized()))
    let envelope: JSON = [
        "v": 1, "programme": .string(programme), "source": "shop", "eventId": .string("evt-\(digest.prefix(16))"),
        "type": .string(type.rawValue), "orderId": .string(order), "occurredAt": JSON(integer: time),
        "acceptedAt": JSON(integer: time + 1000), "digest": .string(digest), "data": data,
    ]
    return try EventEnvelope(payload: envelope.serialized())
}

/// 100,000 KRW brought by the first partner's code.
func created(
    _ order: String, _ members: [(String, JSON)] = [], at time: Int64 = orderTime, programme: String = "default"
) throws -> EventEnvelope {
    var data = JSONObject([
        ("version", 1), ("currency", "KRW"), ("orderAmount", 100_000), ("referralCode", "PARTNER001"),
    ])
    for (key, value) in members { data[key] = value }
    return try event(.created, order, .object(data), at: time, programme: programme)
}

func confirmed(_ order: String, at time: Int64 = orderTime + 1000) throws -> EventEnvelope {
    try event(.confirmed, order, at: time)
}

func refunded(_ order: String, _ amount: Int64, refund: String = "r-1") throws -> EventEnvelope {
    try event(
        .refunded, order, ["refundId": .string(refund), "version": 1, "amount": JSON(integer: amount)],
        at: orderTime + 2000)
}

extension NewJob {
    /// As the ingest enqueues it.
    static func event(_ envelope: EventEnvelope) -> NewJob {
        NewJob(
            id: envelope.eventID.description, queue: .conversions, kind: EventEnvelope.jobKind,
            payload: envelope.payload, shardKey: envelope.orderID.description, sameness: envelope.digest)
    }

    /// Bytes that no handler can read.
    static func malformed(_ id: String, _ queue: QueueName, kind: String) -> NewJob {
        NewJob(id: id, queue: queue, kind: kind, payload: Array("nonsense".utf8), shardKey: "key")
    }
}
