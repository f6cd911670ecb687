import Commissions
package import Core
import EventLoop
import Postgres

extension OrderBook {
    /// What an operator does to one commission.
    package enum Act: Sendable {
        /// Sets the amount, minor units of the commission's currency, 0 or more.
        case adjust(amount: Int64)
        case cancel
        case pay(method: String, reference: String)

        var word: CommissionAct {
            switch self {
            case .adjust: .adjust
            case .cancel: .cancel
            case .pay: .pay
            }
        }
    }

    /// An act with who does it and why. `id` names it: doing it again with the same id changes nothing.
    package struct OperatorOrder: Sendable {
        package let id: UUID
        package let commissionID: UUID
        package let act: Act
        package let by: String
        package let reason: String

        package init(id: UUID, commissionID: UUID, act: Act, by: String, reason: String) {
            self.id = id
            self.commissionID = commissionID
            self.act = act
            self.by = by
            self.reason = reason
        }
    }

    private static let findCommission = PostgresStatement(
        "find_commission", "SELECT order_id, partner_id FROM partner_commissions WHERE id = $1")

    /// Carries out an act under the order's lock: its fact, the money, the audit and the owed webhooks in one transaction.
    ///
    /// - Throws: ``LedgerError/commissionNotFound``, ``LedgerError/refused(_:)`` with the state it is in, `FactError` for
    ///   an amount out of range or an empty name.
    package func perform(_ act: OperatorOrder) async throws -> Pricing {
        try await pool.transaction { transaction in
            let now = Loop.wallClock
            let found = try await transaction.execute(Self.findCommission, [.uuid(act.commissionID)])
            guard let row = found.first else { throw LedgerError.commissionNotFound }
            let partnerID = try row.uuid(1)
            let orderID = try row.uuid(0)
            // Facts that are not priced yet would move the money away under the act: they go first.
            let unpriced = self.ask(transaction, [orderID])
            let unpricedReads = SettlementReads(transaction, [orderID])
            var pricing = try await self.settle(
                transaction, try await self.load(unpriced), unpricedReads, now: now
            ) { _, _ in }
            let asked = self.ask(transaction, [orderID])
            let reads = SettlementReads(transaction, [orderID])
            var orders = try await self.load(asked)
            guard !orders.isEmpty else { throw LedgerError.commissionNotFound }
            let commissions = try CommissionRow.read(try await reads.commissions.rows())[orderID] ?? []
            guard let commission = commissions.first(where: { $0.id == act.commissionID }) else {
                throw LedgerError.commissionNotFound
            }
            guard let body = act.body(for: commission, partnerID, orders[0]) else {
                throw LedgerError.commissionNotFound
            }
            // A fact that could not be read again would close the order's books for ever.
            _ = try FactBody(kind: body.kind, data: body.data, occurredAt: now)
            guard orders[0].add(body, at: now) else { return pricing }
            if let refusal = act.act.word.refusal(from: commission.status) { throw LedgerError.refused(refusal) }
            let acted = try await self.settle(transaction, orders, reads, now: now) { priced, notes in
                try priced.carryOut(act, &notes)
            }
            pricing.owedDeliveries += acted.owedDeliveries
            return pricing
        }
    }
}

extension OrderBook.OperatorOrder {
    /// The fact that the act leaves behind.
    func body(for commission: CommissionRow, _ partnerID: UUID, _ order: LockedOrder) -> FactBody? {
        let operatorAct = OperatorAct(id: id, partnerID: partnerID, by: by, reason: reason)
        switch act {
        case .adjust(let amount):
            guard let netBase = order.state.refunded?.net else { return nil }
            return .adjustment(Adjustment(act: operatorAct, partnerID: partnerID, newAmount: amount, netBase: netBase))
        case .cancel:
            return .cancellation(operatorAct)
        case .pay(let method, let reference):
            return .payout(
                Payout(act: operatorAct, amount: commission.balance.confirmed, method: method, reference: reference))
        }
    }
}

extension PricedOrder {
    /// What an act does to a commission beyond its target.
    mutating func carryOut(_ act: OrderBook.OperatorOrder, _ notes: inout SettlementNotes) throws {
        guard let index = commissions.firstIndex(where: { $0.id == act.commissionID }) else { return }
        switch act.act {
        case .adjust(let amount):
            var history = commissions[index].metadata["adjustmentHistory"]?.array ?? []
            let old = commissions[index].stored.map {
                Money(minorUnits: $0.amount, currency: commissions[index].currency)
            }
            let new = Money(minorUnits: amount, currency: commissions[index].currency)
            history.append([
                "oldAmount": old.map { .string($0.amount) } ?? .null, "newAmount": .string(new.amount),
                "reason": .string(act.reason), "adminId": .string(act.by), "at": .string(notes.now.rfc3339),
            ])
            commissions[index].metadata["adjustmentHistory"] = .array(history)
            commissions[index].isTouched = true
            guard let old, old == commissions[index].money else { return }
            // Nothing moves and no partner is told, but who looked at it and left it as it was stands in the trail.
            notes.writer.audit(
                act.commissionID, "adjusted", by: act.by,
                changes: [SettlementNotes.change("commissionAmount", .string(old.amount), .string(new.amount))],
                reason: act.reason)
        case .cancel:
            commissions[index].metadata["cancellationReason"] = .string(act.reason)
        case .pay(let method, let reference):
            // A click that was stored a moment ago has moved the money: the payout's amount is no longer what stands there.
            guard commissions[index].status == .confirmed, commissions[index].postings.isEmpty else {
                throw LedgerError.lostUpdate(commissionID: act.commissionID)
            }
            pay(&commissions[index], method: method, reference: reference, by: act.by, &notes)
        }
    }

    private func pay(
        _ commission: inout CommissionRow, method: String, reference: String, by user: String,
        _ notes: inout SettlementNotes
    ) {
        commission.add(Posting(moving: commission.balance.confirmed, from: .confirmed, to: .paid))
        commission.status = .paid
        commission.paidAt = notes.now
        commission.paymentMethod = method
        commission.paymentReference = reference
        notes.tell(
            order, commission, "commission.paid", action: "paid", by: user,
            changes: [SettlementNotes.change("status", "confirmed", "paid")], reason: "\(method) \(reference)",
            members: [("paymentMethod", .string(method)), ("paymentReference", .string(reference))])
    }
}
