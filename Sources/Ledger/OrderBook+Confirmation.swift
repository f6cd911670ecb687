import Commissions
package import Core
import EventLoop
package import Postgres

extension OrderBook {
    /// What is past its hold, oldest first, with the order's lock or not at all: whoever holds one now is asked later.
    private static let lockDue = PostgresStatement(
        "lock_due",
        """
        SELECT id, programme, source, external_id, facts_seq, priced_seq, catalogue, touch_due_at, parked_since
        FROM orders
        WHERE id IN (SELECT order_id FROM partner_commissions
                     WHERE status = 'pending' AND hold_until <= $1 AND NOT (order_id = ANY($3::uuid[]))
                     ORDER BY hold_until, order_id LIMIT $2)
        ORDER BY id FOR UPDATE SKIP LOCKED
        """)

    /// The same, waiting for whoever holds them.
    private static let waitForDue = PostgresStatement(
        "wait_for_due",
        """
        SELECT id, programme, source, external_id, facts_seq, priced_seq, catalogue, touch_due_at, parked_since
        FROM orders
        WHERE id IN (SELECT order_id FROM partner_commissions
                     WHERE status = 'pending' AND hold_until <= $1 AND NOT (order_id = ANY($3::uuid[]))
                     ORDER BY hold_until, order_id LIMIT $2)
        ORDER BY id FOR UPDATE
        """)

    private static let countDue = PostgresStatement(
        "count_due",
        """
        SELECT currency, count(*)::bigint, coalesce(sum(commission_amount), 0)::bigint
        FROM partner_commissions WHERE status = 'pending' AND hold_until <= $1 GROUP BY currency ORDER BY currency
        """)

    /// Confirms one chunk of what is past its hold at `instant`: each order is priced again first, so that late touches and
    /// facts are in, and then what is still pending becomes payable.
    ///
    /// - Parameters:
    ///   - chunk: orders at most.
    ///   - waiting: whether to wait for orders that somebody holds; otherwise they are passed over.
    ///   - aside: orders that the run has set aside because they failed.
    ///   - note: posts what the run counts, in the same transaction: a crash then leaves both or neither.
    /// - Returns: `nil` when nothing is due, or all that is due is held by others and `waiting` is false.
    package func confirmDue(
        at instant: EpochMilliseconds, chunk: Int, waiting: Bool, aside: [UUID] = [],
        note: @Loop (PostgresTransaction, Pricing) -> Void = { _, _ in }
    ) async throws -> Pricing? {
        try await pool.transaction { transaction in
            let statement = waiting ? Self.waitForDue : Self.lockDue
            let rows = try await transaction.execute(
                statement, [.timestamp(instant), .int8(Int64(chunk)), .uuids(aside.map(\.self))])
            guard !rows.isEmpty else { return nil }
            let orders = try await self.withFacts(transaction, rows)
            let pricing = try await self.settle(transaction, orders, now: Loop.wallClock) { priced, notes in
                priced.confirm(dueAt: instant, &notes)
            }
            note(transaction, pricing)
            return pricing
        }
    }

    /// The ids of what ``confirmDue(at:chunk:waiting:aside:)`` would take next, to find the one that fails.
    package func dueOrders(at instant: EpochMilliseconds, limit: Int, aside: [UUID]) async throws -> [UUID] {
        let rows = try await pool.query(
            PostgresStatement(
                "due_orders",
                """
                SELECT DISTINCT order_id, hold_until FROM partner_commissions
                WHERE status = 'pending' AND hold_until <= $1 AND NOT (order_id = ANY($3::uuid[]))
                ORDER BY hold_until, order_id LIMIT $2
                """), [.timestamp(instant), .int8(Int64(limit)), .uuids(aside.map(\.self))])
        return try rows.map { try $0.uuid(0) }
    }

    /// What a run at `instant` would confirm: by currency the number and the sum.
    package func due(at instant: EpochMilliseconds) async throws -> [(currency: String, count: Int64, sum: Int64)] {
        try await pool.query(Self.countDue, [.timestamp(instant)]).map {
            (try $0.text(0), try $0.int(1), try $0.int(2))
        }
    }
}

extension PricedOrder {
    /// Makes payable what is pending and past its hold at `instant`.
    mutating func confirm(dueAt instant: EpochMilliseconds, _ notes: inout SettlementNotes) {
        for index in commissions.indices {
            guard let holdUntil = commissions[index].holdUntil, holdUntil <= instant else { continue }
            guard commissions[index].status == .pending else {
                notes.pricing.skipped[commissions[index].reason ?? commissions[index].status.rawValue, default: 0] += 1
                continue
            }
            let amount = commissions[index].amount
            commissions[index].add(Posting(moving: amount, from: .pending, to: .confirmed))
            commissions[index].status = .confirmed
            commissions[index].confirmedAt = notes.now
            notes.pricing.confirmed += 1
            notes.pricing.sums[commissions[index].currency.code, default: 0] += amount
            notes.tell(
                order, commissions[index], "commission.confirmed", action: "auto_confirmed",
                changes: [SettlementNotes.change("status", "pending", "confirmed")],
                reason: "Auto-confirmed after hold period")
        }
    }
}
