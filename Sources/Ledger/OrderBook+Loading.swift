import Commissions
import Core
import EventLoop
import Postgres
import Telemetry

@Loop private let orderLockSeconds = Histogram(
    "order_lock_seconds", "Time to lock the orders of one batch, the wait for other workers included.",
    bounds: Histogram.secondsBounds)

extension OrderBook {
    /// Locks the rows of orders, sorted by id, and only then reads their facts.
    func load(_ transaction: PostgresTransaction, _ orderIDs: some Collection<UUID>) async throws -> [LockedOrder] {
        let ids = PostgresValue.uuids(orderIDs.sorted())
        let start = Loop.monotonicNanoseconds
        let statement =
            faults.contains(.skipOrderLock) ? OrderStatements.readOrdersUnlocked : OrderStatements.lockOrders
        let rows = try await transaction.execute(statement, [ids])
        contention.batches += 1
        contention.orders += Int64(rows.count)
        let waited = Loop.monotonicNanoseconds - start
        contention.waitedMicroseconds += waited / 1000
        orderLockSeconds.observe(Double(waited) / 1e9)
        return try await withFacts(transaction, rows)
    }

    /// The orders of `rows`, which this transaction has locked, with their facts.
    func withFacts(_ transaction: PostgresTransaction, _ rows: PostgresRows) async throws -> [LockedOrder] {
        let named = Set(try rows.flatMap { try LockedOrder.policyIDs(in: $0) })
        let unread = named.filter { policyVersions[$0] == nil }
        if !unread.isEmpty {
            for row in try await transaction.execute(PolicyStatements.readVersions, [.uuids(unread.sorted())]) {
                remember(try Policy(row))
            }
        }
        var orders = try rows.map { row in try LockedOrder(row) { policyVersions[$0] } }
        let ids = PostgresValue.uuids(orders.map(\.id))
        let positions = Dictionary(uniqueKeysWithValues: orders.indices.map { (orders[$0].id, $0) })
        for row in try await transaction.execute(OrderStatements.readFacts, [ids]) {
            guard let position = positions[try row.uuid(0)] else { continue }
            orders[position].take(stored: try OrderFact(row))
        }
        return orders
    }

    /// Looks for the clicks that tie partners to these orders and adds those that are not known yet as facts.
    ///
    /// An order that names a click which is not there, and is young enough to be still in its queue, is to be looked at
    /// again: ``LockedOrder/touchDueAt``.
    func addTouches(
        _ transaction: PostgresTransaction, _ orders: inout [LockedOrder], programmes: [String: Programme],
        now: EpochMilliseconds
    ) async throws {
        var search = TouchSearch()
        for (index, order) in orders.enumerated() {
            guard let programme = programmes[order.programme] else {
                throw LedgerError.unknownProgramme(order.programme)
            }
            search.add(index, order, reduce(order.facts), programme)
        }
        guard !search.isEmpty else { return }
        for row in try await transaction.execute(TouchSearch.statement, search.parameters) {
            let status = try row.text(5)
            guard let evidence = Evidence(rawValue: try row.text(6)) else { continue }
            let touch = Touch(
                clickID: try row.uuid(1), partnerID: try row.uuid(2), referralCode: try row.text(3),
                clickedAt: try row.timestamp(4), isValid: status == "valid", evidence: evidence,
                reason: status == "valid" ? nil : status)
            _ = orders[Int(try row.int(0))].add(.touch(touch), at: touch.clickedAt)
        }
        for index in search.naming {
            let state = reduce(orders[index].facts)
            orders[index].touchDueAt = state.awaitedClickID.flatMap { clickID -> EpochMilliseconds? in
                guard let born = clickID.version7Time, now < born + Self.touchPatience else { return nil }
                return now + Self.touchRetryInterval
            }
        }
    }

    /// Everything that pricing needs to know from outside of the orders, one context for each programme among them.
    func readContexts(
        _ transaction: PostgresTransaction, _ orders: [LockedOrder], programmes: [String: Programme], withPolicies: Bool
    ) async throws -> [String: PricingContext] {
        var references: [String: References] = [:]
        for order in orders {
            let state = reduce(order.facts)
            let missing = order.catalogue?.missing(for: state) ?? state.references
            references[order.programme, default: References()].formUnion(missing)
        }
        var contexts: [String: PricingContext] = [:]
        for (id, names) in references.sorted(by: { $0.key < $1.key }) {
            guard let programme = programmes[id] else { throw LedgerError.unknownProgramme(id) }
            // An order that names nothing yet freezes its policies too: what is missing then stays out for ever.
            let freezes = orders.contains { $0.programme == id && $0.catalogue == nil }
            guard !names.isEmpty || freezes else {
                contexts[id] = PricingContext(programme: programme, partners: [], policies: [])
                continue
            }
            let partners = try await transaction.execute(
                PolicyStatements.readPartners,
                [.text(id), .texts(names.referralCodes.sorted()), .uuids(names.partnerIDs.sorted())])
            var context = PricingContext(
                programme: programme, partners: try partners.map(PartnerFacts.init),
                policies: withPolicies ? try await readPolicies(transaction, programme: id) : [])
            if !names.productIDs.isEmpty, withPolicies {
                let rows = try await transaction.execute(
                    PolicyStatements.readCategories, [.text(id), .texts(names.productIDs.sorted())])
                for row in rows { context.categories[try row.text(0)] = try row.text(1) }
            }
            contexts[id] = context
        }
        return contexts
    }

    func readProgrammes(_ transaction: PostgresTransaction) async throws -> [String: Programme] {
        var programmes: [String: Programme] = [:]
        for row in try await transaction.execute(PolicyStatements.readProgrammes) {
            let programme = try Programme(row)
            programmes[programme.id] = programme
        }
        return programmes
    }

    private func readPolicies(_ transaction: PostgresTransaction, programme: String) async throws -> [Policy] {
        let policies = try await transaction.execute(PolicyStatements.readPolicies, [.text(programme)]).map(Policy.init)
        for policy in policies { remember(policy) }
        return policies
    }

    private func remember(_ policy: Policy) { policyVersions[policy.id] = policy }
}

extension References {
    mutating func formUnion(_ other: Self) {
        partnerIDs.formUnion(other.partnerIDs)
        referralCodes.formUnion(other.referralCodes)
        productIDs.formUnion(other.productIDs)
    }
}
