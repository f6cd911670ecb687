import Commissions
import Core
import EventLoop
import Ledger
import Postgres

/// What the tables say of one order: what has to be the same in whatever order its events came.
struct BookEnd: Hashable {
    struct Commission: Hashable {
        var status: String
        var amount: Int64
        var reason: String?
    }

    var conversion: String?
    var refundedAmount: Int64 = 0
    var commissions: [UUID: Commission] = [:]
    /// By partner and account, credits less debits, without those that are 0. Programme expense is what all earned.
    var balances: [UUID: [String: Int64]] = [:]

    subscript(partnerID: UUID) -> Commission? { commissions[partnerID] }
}

extension BookEnd {
    /// What the kernel says of events and nothing else.
    init(of events: [EventEnvelope], policies: [Policy]) throws {
        let facts = try events.enumerated().map { index, event in
            let body = try FactBody(
                kind: FactKind(eventType: event.type.rawValue)!, data: event.data, occurredAt: event.occurredAt)
            return OrderFact(
                seq: Int64(index), key: body.key(digest: event.digest, occurredAt: event.occurredAt),
                digest: event.digest, occurredAt: event.occurredAt, acceptedAt: event.acceptedAt, body: body)
        }
        let context = PricingContext(
            programme: Programme(id: "default", model: .lastClick),
            partners: [
                PartnerFacts(
                    id: partner, referralCode: "PARTNER001", tier: "gold", isActive: true, customerIDs: ["self-1"]),
                PartnerFacts(id: rival, referralCode: "PARTNER002", tier: "silver", isActive: true, customerIDs: []),
            ], policies: policies)
        let state = reduce(facts)
        let target = Commissions.target(state, Catalogue(freezing: state, context: context))
        if state.isKnown || state.cancellation != nil { conversion = target.conversion.rawValue }
        refundedAmount = state.refunded?.amount ?? 0
        for due in target.perPartner {
            let status = CommissionStatus.projected(from: nil, onto: due.standing)
            commissions[due.partnerID] = Commission(
                status: status.rawValue, amount: due.money.minorUnits, reason: due.reason?.rawValue)
            guard due.money.minorUnits != 0 else { continue }
            balances[due.partnerID] = [
                "programme_expense": -due.money.minorUnits, "partner_pending": due.money.minorUnits,
            ]
        }
    }
}

extension TestBooks {
    private static let readConversion = PostgresStatement(
        "test_conversion", "SELECT status, refunded_amount FROM conversion_events WHERE external_order_id = $1")
    private static let readCommissions = PostgresStatement(
        "test_commissions",
        "SELECT partner_id, status, commission_amount, reason FROM partner_commissions WHERE external_order_id = $1")
    private static let readBalances = PostgresStatement(
        "test_balances",
        """
        SELECT partner_id, account, sum(amount)::bigint FROM (
            SELECT order_id, partner_id, credit_account AS account, amount FROM ledger_entries
            UNION ALL SELECT order_id, partner_id, debit_account, -amount FROM ledger_entries) e
        JOIN orders o ON o.id = e.order_id WHERE o.external_id = $1
        GROUP BY partner_id, account HAVING sum(amount) <> 0
        """)

    func end(of order: String) async throws -> BookEnd {
        var end = BookEnd()
        if let row = try await pool.query(Self.readConversion, [.text(order)]).first {
            end.conversion = try row.text(0)
            end.refundedAmount = try row.int(1)
        }
        for row in try await pool.query(Self.readCommissions, [.text(order)]) {
            end.commissions[try row.uuid(0)] = BookEnd.Commission(
                status: try row.text(1), amount: try row.int(2), reason: try row.optionalText(3))
        }
        for row in try await pool.query(Self.readBalances, [.text(order)]) {
            end.balances[try row.uuid(0), default: [:]][try row.text(1)] = try row.int(2)
        }
        return end
    }

    /// The id of a partner's commission for an order.
    func commissionID(_ order: String, of owner: UUID = partner) async throws -> UUID {
        let rows = try await pool.query(
            PostgresStatement(
                "test_commission_id",
                "SELECT id FROM partner_commissions WHERE external_order_id = $1 AND partner_id = $2"),
            [.text(order), .uuid(owner)])
        guard let row = rows.first else { throw LedgerError.commissionNotFound }
        return try row.uuid(0)
    }
}
