import Commissions
import Core
import EventLoop
import Postgres

/// A row of `conversion_events` as the facts say it.
///
/// A class, because a batch of them is gone through once for each column: a copy of all that it holds for each cost a fifth of
/// the conversion worker's time.
final class ConversionRow {
    let order: LockedOrder
    let state: OrderState
    let attribution: Attribution?
    let status: ConversionStatus

    /// `nil` while nothing is known of the order: a confirmation or refund that waits for it.
    init?(_ order: LockedOrder, _ state: OrderState, _ attribution: Attribution?) {
        guard state.isKnown || state.cancellation != nil else { return nil }
        self.order = order
        self.state = state
        self.attribution = attribution
        status = state.conversion
    }

    var partnerID: UUID? { attribution?.leading?.partnerID }
    var version: OrderVersion? { state.choice }

    /// The row as partners and the inspector see it.
    func json(version rowVersion: Int64) -> JSON {
        var object: JSONObject = JSONObject([
            ("conversionId", .string(order.conversionID.description)), ("orderId", .string(order.externalID)),
            ("status", .string(status.rawValue)), ("version", JSON(integer: rowVersion)),
        ])
        if let current = state.current {
            let amount = Money(minorUnits: current.orderAmount, currency: current.currency)
            object["orderAmount"] = .string(amount.amount)
            object["orderAmountMinor"] = JSON(integer: amount.minorUnits)
            object["refundedAmountMinor"] = JSON(integer: state.refunded?.amount ?? 0)
            object["currency"] = .string(current.currency.code)
        }
        if let product = version?.productID { object["productId"] = .string(product) }
        if let reason = attribution?.unpaidReason { object["reason"] = .string(reason.rawValue) }
        if let reason = state.cancellation?.reason { object["cancellationReason"] = .string(reason) }
        return .object(object)
    }

    @Loop static func write(_ rows: [ConversionRow], _ transaction: PostgresTransaction) {
        guard !rows.isEmpty else { return }
        transaction.post(
            OrderStatements.upsertConversions,
            [
                .uuids(rows.map(\.order.conversionID)), .texts(rows.map(\.order.programme)),
                .uuids(rows.map(\.order.id)),
                .texts(rows.map(\.order.externalID)),
                .texts(rows.map { "\($0.order.source)/\($0.order.externalID)" }),
                .uuids(rows.map(\.partnerID)), .uuids(rows.map { $0.attribution?.leading?.clickID }),
                .texts(rows.map { $0.version?.referralCode }), .texts(rows.map { $0.version?.productID }),
                .texts(rows.map { $0.version?.customerID }), .bools(rows.map { $0.version?.isNewCustomer }),
                .int8s(rows.map { $0.state.current?.quantity }), .int8s(rows.map { $0.state.current?.productPrice }),
                .int8s(rows.map { $0.state.current?.orderAmount }),
                .texts(rows.map { $0.state.current?.currency.code }),
                .int8s(rows.map { $0.state.refunded?.amount ?? 0 }),
                .int8s(rows.map { $0.state.refunded?.quantity ?? 0 }),
                .texts(rows.map(\.status.rawValue)), .jsons(rows.map { $0.attribution?.data }),
                .texts(rows.map { $0.attribution?.unpaidReason?.rawValue }),
                .texts(rows.map { $0.state.cancellation?.reason }),
                .timestamps(rows.map { $0.state.convertedAt ?? $0.state.cancellation?.occurredAt }),
                .timestamps(rows.map { $0.state.confirmation?.occurredAt }),
                .timestamps(rows.map { $0.state.cancellation?.occurredAt }),
            ])
    }
}

extension ConversionRow {
    /// `$1` orders, `$2` partners, `$3` clicks, `$4` attributions, `$5` reasons. Touches only rows that say something else.
    private static let correction = PostgresStatement(
        "correct_conversions",
        """
        UPDATE conversion_events c
        SET partner_id = n.partner_id, referral_click_id = n.click_id, attribution = n.attribution, reason = n.reason,
            version = c.version + 1, updated_at = clock_timestamp()
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::jsonb[], $5::text[])
            AS n (order_id, partner_id, click_id, attribution, reason)
        WHERE c.order_id = n.order_id AND c.attribution IS DISTINCT FROM n.attribution
        """)

    /// Brings stored conversions to the attribution that was frozen just now.
    @Loop static func correct(_ rows: [ConversionRow], _ transaction: PostgresTransaction) {
        guard !rows.isEmpty else { return }
        transaction.post(
            correction,
            [
                .uuids(rows.map(\.order.id)), .uuids(rows.map(\.partnerID)),
                .uuids(rows.map { $0.attribution?.leading?.clickID }), .jsons(rows.map { $0.attribution?.data }),
                .texts(rows.map { $0.attribution?.unpaidReason?.rawValue }),
            ])
    }
}

/// What is known of a conversion that is stored already.
struct StoredConversion {
    let status: String
    let refundedAmount: Int64
    let version: Int64

    /// Asks for the conversions of orders; to be asked after the orders' locks.
    @Loop static func ask(
        _ transaction: PostgresTransaction, _ orderIDs: some Sequence<UUID>
    ) -> PostgresAnswer {
        transaction.ask(OrderStatements.readConversions, [.uuids(Set(orderIDs).sorted())])
    }

    /// By order.
    static func read(_ rows: PostgresRows) throws -> [UUID: Self] {
        var conversions: [UUID: Self] = [:]
        for row in rows {
            conversions[try row.uuid(0)] = Self(
                status: try row.text(3), refundedAmount: try row.int(4), version: try row.int(5))
        }
        return conversions
    }
}

extension Outbox {
    /// What a partner is told when a conversion is new or has moved.
    mutating func add(_ row: ConversionRow, since stored: StoredConversion?) {
        guard let partnerID = row.partnerID else { return }
        let version = (stored?.version ?? 0) + 1
        var types: [String] = []
        if stored == nil { types.append("conversion.created") }
        if stored?.status != row.status.rawValue || stored?.refundedAmount != row.state.refunded?.amount ?? 0 {
            switch row.status {
            case .pending: break
            case .confirmed: types.append("conversion.confirmed")
            case .cancelled: types.append("conversion.cancelled")
            case .partialRefund, .refunded: types.append("conversion.refunded")
            }
        }
        for type in types {
            add(
                type, order: row.order, partnerID: partnerID, entityID: row.order.conversionID, version: version,
                data: row.json(version: version))
        }
    }
}
