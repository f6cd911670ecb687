import Core
import Crypto

/// An order as a shop platform described it, with everything in it that is a fact of ours.
struct ShopOrder: Hashable {
    struct Cancellation: Hashable {
        var at: EpochMilliseconds
        var reason: String?
    }

    struct DatedRefund: Hashable {
        var refund: RefundFields
        var at: EpochMilliseconds
    }

    /// The platform's id of the order, which is the order's id with us.
    var id: String
    /// Whether this is what the shop sent when the order was made.
    var isCreation: Bool
    var createdAt: EpochMilliseconds
    var updatedAt: EpochMilliseconds
    /// Without the referral code: see ``codes``.
    var fields: OrderFields
    /// Where a referral code may stand, in order of preference.
    var codes: [ReferralCandidate] = []
    /// When it was paid, by a time that is the same in every payload of the order: then it does not matter which comes first.
    var confirmedAt: EpochMilliseconds?
    var cancellation: Cancellation?
    var refunds: [DatedRefund] = []
    /// Parts that cannot be used.
    var problems: [HookProblem] = []

    /// One event for each fact.
    ///
    /// Their ids are made of their content: what a later payload repeats is the same event again and has no effect, however
    /// often the shop sends its order; what it changes is another event.
    func events(referralCode: String?) -> [OrderEvent] {
        var fields = fields
        fields.version = updatedAt.rawValue
        fields.referralCode = referralCode
        var events = [
            isCreation
                ? Self.event(.created, "created", order: id, at: createdAt, data: fields.data())
                : Self.event(.updated, "updated", order: id, at: updatedAt, data: fields.data())
        ]
        if let confirmedAt {
            events.append(
                Self.event(.confirmed, "confirmed", order: id, at: confirmedAt, data: Array("{}".utf8)))
        }
        if let cancellation {
            var writer = DataWriter(capacity: 64)
            writer.set("reason", cancellation.reason)
            events.append(
                Self.event(.cancelled, "cancelled", order: id, at: cancellation.at, data: writer.end()))
        }
        return events + Self.events(of: refunds, order: id)
    }

    /// The events of refunds, which a platform may also send without their order.
    static func events(of refunds: [DatedRefund], order: String) -> [OrderEvent] {
        refunds.map { dated in
            let data = dated.refund.data()
            // Not every payload dates its refunds: the time is no part of what makes two of them the same.
            let digest = OrderEvent.digest(.refunded, orderID: order, occurredAt: nil, data: data)
            return event(
                .refunded, "refund-\(dated.refund.refundID)", order: order, at: dated.at, data: data, digest: digest)
        }
    }

    private static func event(
        _ type: OrderEventType, _ fact: String, order: String, at: EpochMilliseconds, data: [UInt8],
        digest: [UInt8]? = nil
    ) -> OrderEvent {
        let digest = digest ?? OrderEvent.digest(type, orderID: order, occurredAt: at, data: data)
        return OrderEvent(
            type, eventID: "order-\(order)#\(fact)-\(Hex.encode(Array(digest.prefix(8))))", orderID: order,
            occurredAt: at, data: data, digest: digest)
    }
}
