import Core
import Crypto
import Ledger

func uuid(_ number: UInt64) -> UUID { UUID(high: 0x7000, low: 0x8000_0000_0000_0000 | number) }

let partner = uuid(1)
let rival = uuid(2)
let hour: Int64 = 3_600_000
let day: Int64 = 24 * hour
/// 2025-11-03T10:30:00Z, the time of every order that says no other.
let orderTime: Int64 = 1_762_165_800_000

func instant(_ milliseconds: Int64) -> EpochMilliseconds { EpochMilliseconds(rawValue: milliseconds) }

/// An event as the ingest would have made it, by way of its bytes.
///
/// - Parameters:
///   - id: default: made of the content, so that the same event said again has the same id.
///   - time: when it happened; it was accepted a second later.
func event(
    _ type: EventEnvelope.EventType, _ order: String, _ data: JSON = [:], id: String? = nil, at time: Int64,
    source: String = "shop", programme: String = "default"
) throws -> EventEnvelope {
    let content: JSON = [
        "type": .string(type.rawValue), "orderId": .string(order), "occurredAt": JSON(integer: time), "data": data,
    ]
    let digest = Hex.encode(SHA256.digest(content.serialized()))
    let envelope: JSON = [
        "v": 1, "programme": .string(programme), "source": .string(source),
        "eventId": .string(id ?? "evt-\(digest.prefix(16))"), "type": .string(type.rawValue), "orderId": .string(order),
        "occurredAt": JSON(integer: time), "acceptedAt": JSON(integer: time + 1000), "digest": .string(digest),
        "data": data,
    ]
    return try EventEnvelope(payload: envelope.serialized())
}

/// An order's content, by default 100,000 KRW brought by the first partner's code.
func content(
    _ amount: Int64 = 100_000, version: Int64 = 1, currency: String = "KRW", code: String? = "PARTNER001",
    adding members: [(String, JSON)] = []
) -> JSON {
    var object = JSONObject([
        ("version", JSON(integer: version)), ("currency", .string(currency)), ("orderAmount", JSON(integer: amount)),
    ])
    if let code { object["referralCode"] = .string(code) }
    for (key, value) in members { object[key] = value }
    return .object(object)
}

func created(
    _ order: String, _ data: JSON = content(), id: String? = nil, at time: Int64 = orderTime
) throws -> EventEnvelope {
    try event(.created, order, data, id: id, at: time)
}

func updated(
    _ order: String, _ data: JSON, id: String? = nil, at time: Int64 = orderTime + hour
) throws -> EventEnvelope {
    try event(.updated, order, data, id: id, at: time)
}

func confirmed(_ order: String, id: String? = nil, at time: Int64 = orderTime + 2 * hour) throws -> EventEnvelope {
    try event(.confirmed, order, id: id, at: time)
}

func cancelled(_ order: String, id: String? = nil, at time: Int64 = orderTime + 3 * hour) throws -> EventEnvelope {
    try event(.cancelled, order, ["reason": "changed my mind"], id: id, at: time)
}

func refunded(
    _ order: String, _ amount: Int64, refund: String = "r-1", id: String? = nil, at time: Int64 = orderTime + day
) throws -> EventEnvelope {
    try event(
        .refunded, order, ["refundId": .string(refund), "version": 1, "amount": JSON(integer: amount)], id: id, at: time
    )
}

/// When the hold of an order that was confirmed as ``confirmed(_:id:at:)`` says ends.
let holdEnd = instant(orderTime + 2 * hour + 1000 + 7 * day)
