import Commissions
package import Core
package import EventLoop
package import Postgres

extension OrderBook {
    /// What is past its hold, oldest first, with the order's lock or not at all: whoever holds one now is asked later. Several
    /// transactions may ask at once, and each gets others. The locks come in whatever order; who waits for none cannot wait
    /// in a circle. An order of several commissions may come several times.
    private static let lockDue = PostgresStatement(
        "lock_due",
        """
        SELECT o.id, o.programme, o.source, o.external_id, o.facts_seq, o.priced_seq, o.catalogue, o.touch_due_at,
               o.parked_since, c.hold_until
        FROM partner_commissions c JOIN orders o ON o.id = c.order_id
        WHERE c.status = 'pending' AND c.hold_until <= $1 AND c.hold_until >= $4 AND NOT (c.order_id = ANY($3::uuid[]))
        ORDER BY c.hold_until LIMIT $2
        FOR UPDATE OF o SKIP LOCKED
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

    /// How far a caller of ``confirmDue(at:chunk:waiting:aside:walk:note:)`` has come.
    @Loop
    package final class DueWalk {
        /// Holds before this one are done, or somebody has them.
        fileprivate(set) var from = EpochMilliseconds(rawValue: 0)
        /// The orders of the last chunk, whatever became of it.
        package fileprivate(set) var taken: [UUID] = []

        nonisolated package init() {}
    }

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
    ///   - walk: where the caller's last chunk ended, so that this one need not pass by all that is done. It is told what this
    ///     chunk has taken, also when it fails then.
    ///   - note: posts what the run counts, in the same transaction: a crash then leaves both or neither.
    /// - Returns: `nil` when nothing is due, or all that is due is held by others and `waiting` is false.
    package func confirmDue(
        at instant: EpochMilliseconds, chunk: Int, waiting: Bool, aside: [UUID] = [], walk: DueWalk = DueWalk(),
        note: @Loop (PostgresTransaction, Pricing) -> Void = { _, _ in }
    ) async throws -> Pricing? {
        var reached = walk.from
        let pricing: Pricing? = try await pool.transaction { transaction in
            walk.taken = []
            var parameters: [PostgresValue] = [
                .timestamp(instant), .int8(Int64(chunk)), .uuids(aside.map(\.self)),
            ]
            if !waiting { parameters.append(.timestamp(walk.from)) }
            let rows = try await transaction.execute(waiting ? Self.waitForDue : Self.lockDue, parameters)
            guard let last = rows.last else { return nil }
            if !waiting { reached = try last.timestamp(9) }
            let ids = Set(try rows.map { try $0.uuid(0) }).sorted()
            walk.taken = ids
            let facts = transaction.ask(OrderStatements.readFacts, [.uuids(ids.map(\.self))])
            let reads = SettlementReads(transaction, ids)
            // Another run may have been at them between this statement's snapshot and their locks.
            let due = Set(
                try await reads.commissions.rows().filter { try CommissionRow.isPending($0, dueAt: instant) }.map {
                    try $0.uuid(0)
                })
            let orders = try Self.orders(rows, facts: try await facts.rows()).filter { due.contains($0.id) }
            let pricing = try await self.settle(transaction, orders, reads, now: Loop.wallClock) { priced, notes in
                priced.confirm(dueAt: instant, &notes)
            }
            note(transaction, pricing)
            return pricing
        }
        walk.from = reached
        return pricing
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
