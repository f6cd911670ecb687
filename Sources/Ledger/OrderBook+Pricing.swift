import Commissions
package import Core
import EventLoop
import Postgres

extension OrderBook {
    package struct Pricing: Sendable {
        /// Orders whose money was brought to their facts; the others owed nothing.
        package var priced = 0
        package var owedDeliveries: [OwedDelivery] = []
        /// Commissions that this call confirmed, by currency their sum, and those it passed over by reason.
        package var confirmed = 0
        package var sums: [String: Int64] = [:]
        package var skipped: [String: Int] = [:]
    }

    /// Brings the money of orders to their facts: target, delta, ledger, audit and what partners are told, in one
    /// transaction. An order that owes no pricing is left alone: a job that comes again must not look for touches again, or a
    /// click that was stored meanwhile would take a paid commission back.
    package func price(_ orderIDs: [UUID]) async throws -> Pricing {
        try await pool.transaction { transaction in
            let now = Loop.wallClock
            let ids = Set(orderIDs).sorted()
            let asked = self.ask(transaction, ids)
            let reads = SettlementReads(transaction, ids)
            let orders = try await self.load(asked).filter { order in
                order.pricedSeq < order.factsSeq || order.touchDueAt != nil || self.faults.contains(.skipOwedLook)
            }
            return try await self.settle(transaction, orders, reads, now: now) { _, _ in }
        }
    }

    /// The one path by which money moves. `act` may do more to a commission after its target is applied: confirm or pay.
    func settle(
        _ transaction: PostgresTransaction, _ locked: [LockedOrder], _ reads: SettlementReads, now: EpochMilliseconds,
        act: (inout PricedOrder, inout SettlementNotes) throws -> Void
    ) async throws -> Pricing {
        guard !locked.isEmpty else { return Pricing() }
        var orders = locked
        let programmes = try Self.programmes(try await reads.programmes.rows())
        let commissions = try CommissionRow.read(try await reads.commissions.rows())
        try await addTouches(transaction, &orders, programmes: programmes, now: now)
        var priced = try await target(transaction, orders, commissions, programmes: programmes)
        var notes = SettlementNotes(now: now)
        for index in priced.indices {
            priced[index].applyTarget(&notes)
            try act(&priced[index], &notes)
        }
        let changed = try await writeConversions(transaction, priced, &notes)
        for index in priced.indices {
            for commission in priced[index].commissions where commission.isChanged {
                notes.writer.add(priced[index].order, commission)
            }
            priced[index].freezeOrder()
            priced[index].order.parkedSince = priced[index].state.isWaitingForParent ? changed : nil
        }
        writeFacts(transaction, priced.map(\.order))
        let moved = notes.writer.write(transaction, now: now)
        for index in priced.indices { priced[index].order.pricedSeq = priced[index].order.factsSeq }
        OrderBook.writeOrders(transaction, priced.map(\.order))
        notes.pricing.priced = priced.count
        notes.pricing.owedDeliveries = try await notes.outbox.write(transaction, now: now)
        try await moved.check()
        return notes.pricing
    }

    /// Freezes what the orders name for the first time, and computes their targets, claiming uses of limited policies.
    /// Orders that are settled keep what they have.
    private func target(
        _ transaction: PostgresTransaction, _ locked: [LockedOrder], _ commissions: [UUID: [CommissionRow]],
        programmes: [String: Programme]
    ) async throws -> [PricedOrder] {
        var orders = locked
        try await readCatalogues(transaction, &orders) { !$0.isSettled }
        let contexts = try await readContexts(
            transaction, orders.filter { !$0.isSettled }, programmes: programmes, withPolicies: true)
        var priced: [PricedOrder] = []
        for order in orders {
            let rows = commissions[order.id] ?? []
            guard !order.isSettled else {
                priced.append(PricedOrder(settled: order, commissions: rows))
                continue
            }
            guard let context = contexts[order.programme] else { throw LedgerError.unknownProgramme(order.programme) }
            var catalogue = order.catalogue ?? Catalogue(freezing: order.state, context: context)
            let isExtended = catalogue.extend(for: order.state, context: context)
            priced.append(
                PricedOrder(
                    order: order,
                    pricing: .init(catalogue: catalogue, target: Commissions.target(order.state, catalogue)),
                    commissions: rows, isFrozenNow: order.catalogue == nil || isExtended))
        }
        try await PolicyUses.settle(transaction, &priced)
        return priced
    }

    /// Conversions whose order has got new facts here, such as a late touch; answers the instant of the step.
    private func writeConversions(
        _ transaction: PostgresTransaction, _ priced: [PricedOrder], _ notes: inout SettlementNotes
    ) async throws -> EpochMilliseconds {
        // A conversion is written before the first pricing, with its partner as that one was then. What is frozen now is what
        // counts from now on, and the row has to say the same: a partner may have been deactivated in between.
        let frozen = priced.filter { $0.order.newFacts.isEmpty && $0.isFrozenNow && $0.isFrozen }
        ConversionRow.correct(
            frozen.compactMap { ConversionRow($0.order, $0.state, $0.pricing?.target.attribution) }, transaction)
        let moved = priced.filter { !$0.order.newFacts.isEmpty }
        guard !moved.isEmpty else { return notes.now }
        let answer = StoredConversion.ask(transaction, moved.lazy.map(\.order.id))
        let stored = try StoredConversion.read(try await answer.rows())
        var rows: [ConversionRow] = []
        for one in moved {
            guard let row = ConversionRow(one.order, one.state, one.pricing?.target.attribution) else { continue }
            rows.append(row)
            notes.outbox.add(row, since: stored[one.order.id])
        }
        ConversionRow.write(rows, transaction)
        return notes.now
    }
}

/// What a settlement reads of its orders beside their facts; to be asked after their locks.
@Loop
struct SettlementReads {
    let commissions: PostgresAnswer
    let programmes: PostgresAnswer

    init(_ transaction: PostgresTransaction, _ orderIDs: [UUID]) {
        commissions = transaction.ask(OrderStatements.readCommissions, [.uuids(orderIDs.map(\.self))])
        programmes = transaction.ask(PolicyStatements.readProgrammes)
    }
}

/// What a settlement gathers for its end: rows to write, partners to tell, and its report.
struct SettlementNotes {
    let now: EpochMilliseconds
    var writer = CommissionWriter()
    var outbox = Outbox()
    var pricing = OrderBook.Pricing()

    init(now: EpochMilliseconds) { self.now = now }

    /// A change of a commission: its audit row, and what its partner is told.
    mutating func tell(
        _ order: LockedOrder, _ commission: CommissionRow, _ type: String, action: String, by user: String? = nil,
        changes: [JSON], reason: String?, members: [(String, JSON)] = []
    ) {
        writer.audit(commission.id, action, by: user, changes: .array(changes), reason: reason)
        outbox.add(
            type, order: order, partnerID: commission.partnerID, entityID: commission.id,
            version: commission.nextVersion,
            data: commission.json(of: order, adding: members))
    }

    static func change(_ field: String, _ old: JSON, _ new: JSON) -> JSON {
        ["field": .string(field), "oldValue": old, "newValue": new]
    }
}
