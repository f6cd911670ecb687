import Commissions
import Core
import EventLoop
import Postgres
import Telemetry

@Loop private let orderLockSeconds = Histogram(
    "order_lock_seconds", "Time to lock and read the orders of one batch, the wait for other workers included.",
    bounds: Histogram.secondsBounds)

extension OrderBook {
    /// What has been asked of the rows of some orders: first the lock, then their facts.
    struct Asked {
        let orders: PostgresAnswer
        let facts: PostgresAnswer
        let since: Int64
    }

    /// Asks for the locks of orders, sorted by id, and after them for the facts.
    ///
    /// The lock is a statement of its own. What is asked after it, here and by the caller, travels with it; each of these
    /// reads has a snapshot of its own, taken when the lock is there (``PostgresTransaction/ask(_:_:)``).
    func ask(_ transaction: PostgresTransaction, _ orderIDs: some Collection<UUID>) -> Asked {
        let ids = PostgresValue.uuids(orderIDs.sorted())
        let statement =
            faults.contains(.skipOrderLock) ? OrderStatements.readOrdersUnlocked : OrderStatements.lockOrders
        return Asked(
            orders: transaction.ask(statement, [ids]), facts: transaction.ask(OrderStatements.readFacts, [ids]),
            since: Loop.monotonicNanoseconds)
    }

    /// The orders that were asked for and are there, with their facts.
    func load(_ asked: Asked) async throws -> [LockedOrder] {
        let rows = try await asked.orders.rows()
        contention.batches += 1
        contention.orders += Int64(rows.count)
        let waited = Loop.monotonicNanoseconds - asked.since
        contention.waitedMicroseconds += waited / 1000
        orderLockSeconds.observe(Double(waited) / 1e9)
        return try Self.orders(rows, facts: try await asked.facts.rows())
    }

    /// Locked orders with their facts, which were read after the lock.
    static func orders(_ rows: PostgresRows, facts: PostgresRows) throws -> [LockedOrder] {
        var orders: [LockedOrder] = []
        var positions: [UUID: Int] = Dictionary(minimumCapacity: rows.count)
        for row in rows {
            let order = try LockedOrder(row)
            guard positions.updateValue(orders.count, forKey: order.id) == nil else {
                // Locked twice by one statement: once is enough.
                positions[order.id] = orders.firstIndex { $0.id == order.id }
                continue
            }
            orders.append(order)
        }
        for row in facts {
            guard let position = positions[try row.uuid(0)] else { continue }
            orders[position].take(stored: try OrderFact(row))
        }
        for index in orders.indices { orders[index].foldFacts() }
        return orders
    }

    /// Reads the frozen catalogues of the orders that need it, with the versions of policies that they name.
    func readCatalogues(
        _ transaction: PostgresTransaction, _ orders: inout [LockedOrder], where needs: (LockedOrder) -> Bool
    ) async throws {
        let positions = orders.indices.filter { needs(orders[$0]) }
        var unread: Set<UUID> = []
        for position in positions {
            for id in try orders[position].policyIDs() where policyVersions[id] == nil { unread.insert(id) }
        }
        if !unread.isEmpty {
            for row in try await transaction.execute(PolicyStatements.readVersions, [.uuids(unread.sorted())]) {
                remember(try Policy(row))
            }
        }
        for position in positions { try orders[position].readCatalogue { policyVersions[$0] } }
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
            search.add(index, order, order.state, programme)
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
            orders[index].touchDueAt = orders[index].state.awaitedClickID.flatMap { clickID -> EpochMilliseconds? in
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
        // An order that names nothing yet freezes its policies too: what is missing then stays out for ever.
        var freezing: Set<String> = []
        for order in orders {
            let missing = order.catalogue?.missing(for: order.state) ?? order.state.references
            references[order.programme, default: References()].formUnion(missing)
            if order.catalogue == nil { freezing.insert(order.programme) }
        }
        var asked: [(programme: Programme, answers: ContextAnswers?)] = []
        for (id, names) in references.sorted(by: { $0.key < $1.key }) {
            guard let programme = programmes[id] else { throw LedgerError.unknownProgramme(id) }
            let isNeeded = !names.isEmpty || freezing.contains(id)
            asked.append(
                (programme, isNeeded ? ContextAnswers(transaction, id, names, withPolicies: withPolicies) : nil))
        }
        var contexts: [String: PricingContext] = [:]
        for (programme, answers) in asked {
            var context = PricingContext(
                programme: programme, partners: try await answers?.partners.rows().map(PartnerFacts.init) ?? [],
                policies: try await answers?.policies?.rows().map(Policy.init) ?? [])
            for policy in context.policies { remember(policy) }
            if let categories = answers?.categories {
                for row in try await categories.rows() { context.categories[try row.text(0)] = try row.text(1) }
            }
            contexts[programme.id] = context
        }
        return contexts
    }

    static func programmes(_ rows: PostgresRows) throws -> [String: Programme] {
        var programmes: [String: Programme] = [:]
        for row in rows {
            let programme = try Programme(row)
            programmes[programme.id] = programme
        }
        return programmes
    }

    private func remember(_ policy: Policy) { policyVersions[policy.id] = policy }
}

/// What is asked for one programme's context, all of it at once.
private struct ContextAnswers {
    let partners: PostgresAnswer
    var policies: PostgresAnswer?
    var categories: PostgresAnswer?

    @Loop init(_ transaction: PostgresTransaction, _ programme: String, _ names: References, withPolicies: Bool) {
        partners = transaction.ask(
            PolicyStatements.readPartners,
            [.text(programme), .texts(names.referralCodes.sorted()), .uuids(names.partnerIDs.sorted())])
        guard withPolicies else { return }
        policies = transaction.ask(PolicyStatements.readPolicies, [.text(programme)])
        guard !names.productIDs.isEmpty else { return }
        categories = transaction.ask(
            PolicyStatements.readCategories, [.text(programme), .texts(names.productIDs.sorted())])
    }
}

extension References {
    mutating func formUnion(_ other: Self) {
        partnerIDs.formUnion(other.partnerIDs)
        referralCodes.formUnion(other.referralCodes)
        productIDs.formUnion(other.productIDs)
    }
}
