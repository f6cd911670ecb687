import Commissions
import Core

extension PricedOrder {
    /// Brings the commissions to the target: amounts, states, ledger postings, audit and events.
    mutating func applyTarget(_ notes: inout SettlementNotes) {
        guard let target = pricing?.target else { return }
        for due in target.perPartner where !commissions.contains(where: { $0.partnerID == due.partnerID }) {
            commissions.append(
                CommissionRow(
                    new: order.commissionID(of: due.partnerID), partnerID: due.partnerID, currency: due.money.currency))
        }
        for index in commissions.indices {
            apply(target[commissions[index].partnerID], to: &commissions[index], &notes)
        }
    }

    private func apply(_ due: PartnerTarget?, to commission: inout CommissionRow, _ notes: inout SettlementNotes) {
        let amount = due?.money.minorUnits ?? 0
        let standing = due?.standing ?? .notPayable
        let before = commission
        let currency = due?.money.currency ?? commission.currency
        commission.post(earning: Money(minorUnits: amount, currency: currency))
        commission.status = .projected(from: commission.stored?.status, onto: standing)
        guard commission.status != .paid else {
            tellClawback(commission, &notes)
            return
        }
        commission.policyID = due?.policyID ?? commission.policyID
        if let due { commission.trace = due.trace }
        commission.amount = amount
        commission.currency = currency
        commission.reason = (due?.reason ?? (due == nil ? .outranked : nil))?.rawValue
        if commission.holdUntil == nil {
            commission.holdUntil = pricing.flatMap { state.holdUntil(in: $0.catalogue.programme) }
        }
        if commission.status == .cancelled, before.stored?.status != .cancelled {
            commission.cancelledAt = notes.now
            let why =
                state.cancellation?.reason ?? state.operatorEnds[commission.partnerID]?.act.reason
                ?? state.operatorEnd?.act.reason ?? commission.reason
            if let why { commission.metadata["cancellationReason"] = .string(why) }
        } else if commission.status != .cancelled {
            commission.cancelledAt = nil
        }
        tell(commission, since: before, &notes)
    }

    private func tell(_ commission: CommissionRow, since before: CommissionRow, _ notes: inout SettlementNotes) {
        let amounts = SettlementNotes.change(
            "commissionAmount", before.stored == nil ? .null : .string(before.money.amount),
            .string(commission.money.amount))
        let states = SettlementNotes.change(
            "status", before.stored.map { .string($0.status.rawValue) } ?? .null, .string(commission.status.rawValue))
        guard let stored = before.stored else {
            // A row that only says why a partner earns nothing is announced to nobody.
            guard commission.status != .notPayable else {
                notes.writer.audit(
                    commission.id, "created", changes: .array([amounts, states]), reason: commission.reason)
                return
            }
            notes.tell(
                order, commission, commission.status == .cancelled ? "commission.cancelled" : "commission.created",
                action: "created", changes: [amounts, states], reason: commission.reason)
            return
        }
        if stored.status != commission.status, commission.status == .cancelled {
            notes.tell(
                order, commission, "commission.cancelled", action: cause == "refunded" ? "refunded" : "cancelled",
                by: lastAct?.by, changes: [amounts, states], reason: commission.metadata["cancellationReason"]?.string)
        } else if stored.amount != commission.amount || stored.currency != commission.currency
            || stored.status != commission.status
        {
            notes.tell(
                order, commission, "commission.adjusted", action: cause, by: lastAct?.by, changes: [amounts, states],
                reason: lastAct?.reason ?? commission.reason,
                members: [
                    ("oldAmount", .string(before.money.amount)), ("newAmount", .string(commission.money.amount)),
                    ("cause", .string(cause)),
                ])
        }
    }

    /// A paid commission is not edited: what changed is owed by the partner, or to it, from the next payout on.
    private func tellClawback(_ commission: CommissionRow, _ notes: inout SettlementNotes) {
        for (posting, currency) in commission.postings {
            let change = Money(
                minorUnits: posting.kind == .clawback ? -posting.amount : posting.amount, currency: currency)
            notes.tell(
                order, commission, posting.kind == .clawback ? "commission.clawed_back" : "commission.adjusted",
                action: posting.kind == .clawback ? "clawed_back" : "adjusted",
                changes: [SettlementNotes.change("balance", .null, .string(change.amount))], reason: cause,
                members: [("change", .string(change.amount))])
        }
    }

    /// What the facts since the last pricing were mostly about, as the audit's word.
    private var cause: String {
        let new = order.facts.filter { $0.seq > order.pricedSeq }.map(\.kind)
        if new.contains(where: { $0 == .adjustment || $0 == .dispute }) { return "adjusted" }
        if new.contains(.refund) { return "refunded" }
        return "repriced"
    }

    private var lastAct: OperatorAct? {
        for fact in order.facts.reversed() where fact.seq > order.pricedSeq {
            if case .adjustment(let adjustment) = fact.body { return adjustment.act }
            if case .cancellation(let act) = fact.body { return act }
        }
        return nil
    }
}
