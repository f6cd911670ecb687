import Commissions
import Core
import EventLoop
import Postgres

extension OrderBook {
    /// What became of an event.
    package enum RecordOutcome: Hashable, Sendable {
        /// Its fact is stored.
        case applied
        /// Stored before, or its fact was known from another event.
        case duplicate
        /// An older version of the order than the newest known; kept, and without effect on what is due.
        case stale
        /// The same event id came with other content. The first one stays; this one is kept beside it.
        case eventIDReused
        /// Its content is no fact; kept with the reason.
        case refused(String)
    }

    package struct Recording: Sendable {
        /// One for each envelope, in their order.
        package let outcomes: [RecordOutcome]
        package let owedPricings: [OwedPricing]
        package let owedDeliveries: [OwedDelivery]
        /// Orders of refunds in this batch whose refunds come to more than the order; the target stops at 0.
        package let overRefunded: [String]
    }

    /// Stores events and their facts, and brings the conversions to what the facts say, in one transaction.
    ///
    /// An order whose facts move money is answered as an owed pricing, also when the event was stored before: whoever
    /// crashed between commit and acknowledgement comes through here again.
    package func record(_ envelopes: [EventEnvelope]) async throws -> Recording {
        try await pool.transaction { transaction in
            let now = Loop.wallClock
            let asked = self.ensureAndAsk(transaction, envelopes)
            let known = InboundEvents.ask(transaction, envelopes)
            let conversions = StoredConversion.ask(transaction, envelopes.lazy.map(\.orderID))
            let programmes = transaction.ask(PolicyStatements.readProgrammes)
            var orders = try await self.load(asked)
            let positions = Dictionary(uniqueKeysWithValues: orders.indices.map { (orders[$0].id, $0) })
            var inbound = try InboundEvents(
                known: try await known.rows(), isForgetful: self.faults.contains(.skipFactUniqueness))
            for envelope in envelopes {
                guard let position = positions[envelope.orderID] else {
                    preconditionFailure("an ensured order is not among those locked")
                }
                inbound.settle(envelope) { self.add(envelope, to: &orders[position]) }
            }
            inbound.write(transaction)
            let owedDeliveries = try await self.bringConversions(
                transaction, &orders, stored: try StoredConversion.read(try await conversions.rows()),
                programmes: try Self.programmes(try await programmes.rows()), now: now)
            self.writeFacts(transaction, orders)
            LaterRefusals(orders).write(transaction)
            OrderBook.writeOrders(transaction, orders)
            return Recording(
                outcomes: inbound.outcomes,
                owedPricings: orders.filter { $0.pricedSeq < $0.factsSeq }
                    .map { OwedPricing(orderID: $0.id, factsSeq: $0.factsSeq) },
                owedDeliveries: owedDeliveries, overRefunded: Self.overRefunded(orders, envelopes))
        }
    }

    /// Asked of every refund, also one that was stored before: whoever crashed before the operators were told comes again.
    private static func overRefunded(_ orders: [LockedOrder], _ envelopes: [EventEnvelope]) -> [String] {
        let refunded = Set(envelopes.lazy.filter { $0.type == .refunded }.map(\.orderID))
        guard !refunded.isEmpty else { return [] }
        return orders.filter { refunded.contains($0.id) && $0.state.refunded?.exceedsOrder == true }
            .map(\.externalID)
    }

    private func ensureAndAsk(_ transaction: PostgresTransaction, _ envelopes: [EventEnvelope]) -> Asked {
        let first = Dictionary(envelopes.map { ($0.orderID, $0) }) { first, _ in first }
        let ids = first.keys.sorted()
        transaction.post(
            OrderStatements.ensureOrders,
            [
                .uuids(ids), .texts(ids.map { first[$0]?.programme }), .texts(ids.map { first[$0]?.source }),
                .texts(ids.map { first[$0]?.externalOrderID }),
            ])
        return ask(transaction, ids)
    }

    private func add(_ envelope: EventEnvelope, to order: inout LockedOrder) -> RecordOutcome {
        guard let kind = FactKind(eventType: envelope.type.rawValue) else { return .refused("unknown_event_type") }
        let body: FactBody
        do {
            body = try FactBody(kind: kind, data: envelope.data, occurredAt: envelope.occurredAt)
        } catch {
            return .refused("\(error.code): \(error)")
        }
        let isNew = order.add(
            body, digest: envelope.digest, occurredAt: envelope.occurredAt, acceptedAt: envelope.acceptedAt,
            eventID: envelope.eventID, ignoringUniqueness: faults.contains(.skipFactUniqueness))
        guard isNew, let fact = order.facts.last else { return .duplicate }
        if let reason = order.state.refusal(of: fact) { return .refused(reason) }
        switch order.state.standing(of: fact) {
        case .stale: return .stale
        case .repeated: return .duplicate
        default: return .applied
        }
    }

    /// Finds touches, derives and writes the conversions of orders that have new facts, and says what is owed.
    private func bringConversions(
        _ transaction: PostgresTransaction, _ orders: inout [LockedOrder], stored: [UUID: StoredConversion],
        programmes: [String: Programme], now: EpochMilliseconds
    ) async throws -> [OwedDelivery] {
        let changed = orders.indices.filter { !orders[$0].newFacts.isEmpty }
        guard !changed.isEmpty else { return [] }
        var moving = changed.map { orders[$0] }
        try await addTouches(transaction, &moving, programmes: programmes, now: now)
        try await readCatalogues(transaction, &moving) { _ in true }
        let contexts = try await readContexts(transaction, moving, programmes: programmes, withPolicies: false)
        var rows: [ConversionRow] = []
        var outbox = Outbox()
        for index in moving.indices {
            let state = moving[index].state
            guard let context = contexts[moving[index].programme] else { continue }
            moving[index].settleWithoutMoney(state, now: now)
            // What is frozen decides; what is not frozen yet is looked at as it is today.
            var catalogue = moving[index].catalogue ?? Catalogue(freezing: state, context: context)
            catalogue.extend(for: state, context: context)
            let attribution = state.isKnown ? attribute(state, catalogue) : nil
            guard let row = ConversionRow(moving[index], state, attribution) else { continue }
            rows.append(row)
            outbox.add(row, since: stored[moving[index].id])
        }
        ConversionRow.write(rows, transaction)
        for (position, order) in zip(changed, moving) { orders[position] = order }
        return try await outbox.write(transaction, now: now)
    }

    /// Facts that this transaction adds.
    func writeFacts(_ transaction: PostgresTransaction, _ orders: [LockedOrder]) {
        let new = orders.flatMap { order in order.newFacts.map { (order.id, $0.fact, $0.eventID) } }
        guard !new.isEmpty else { return }
        transaction.post(
            OrderStatements.insertFacts,
            [
                .uuids(new.map(\.0)), .int8s(new.map(\.1.seq)), .texts(new.map(\.1.kind.rawValue)),
                .texts(new.map(\.1.key)), .uuids(new.map(\.2)), .bytesArray(new.map(\.1.digest)),
                .timestamps(new.map(\.1.occurredAt)), .timestamps(new.map(\.1.acceptedAt)),
                .jsons(new.map(\.1.body.data)),
            ])
    }

    /// The rows of orders that this transaction has moved on; the others stay as they are.
    static func writeOrders(_ transaction: PostgresTransaction, _ orders: [LockedOrder]) {
        let changed = orders.filter(\.isRowChanged)
        guard !changed.isEmpty else { return }
        transaction.post(
            OrderStatements.updateOrders,
            [
                .uuids(changed.map(\.id)), .int8s(changed.map(\.factsSeq)), .int8s(changed.map(\.pricedSeq)),
                .jsons(changed.map(\.newCatalogue)), .timestamps(changed.map(\.touchDueAt)),
                .timestamps(changed.map(\.parkedSince)),
            ])
    }
}

extension LockedOrder {
    /// Facts that move no money leave nothing to price: nothing is earned before the order is confirmed or cancelled.
    mutating func settleWithoutMoney(_ state: OrderState, now: EpochMilliseconds) {
        parkedSince = state.isWaitingForParent ? parkedSince ?? now : nil
        guard !isFrozen, !state.isKnown || (state.confirmation == nil && state.cancellation == nil) else {
            return
        }
        pricedSeq = factsSeq
    }
}
