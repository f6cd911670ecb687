package import Core

/// Who did something to an order's money, and why. When stands in the fact's `occurredAt`.
package struct OperatorAct: Hashable, Sendable {
    /// Of the act: doing it again is the same fact.
    package var id: UUID
    /// Whose commission; `nil` means all of the order's where the act allows it.
    package var partnerID: UUID?
    package var by: String
    package var reason: String

    package init(id: UUID, partnerID: UUID?, by: String, reason: String) {
        self.id = id
        self.partnerID = partnerID
        self.by = by
        self.reason = reason
    }
}

/// An operator sets a partner's commission.
///
/// It is a ratio: `newAmount` for a net base of `netBase`, the order's net base when the operator acted. The
/// commission is `newAmount × net base ÷ netBase` ever after, so a later refund shrinks it and a refund that turns out
/// to lie before it does too; both numbers stand in the fact, so arrival does not matter. With a `netBase` of 0 the
/// amount is fixed. Minimum and maximum of the policies no longer apply. The last adjustment of a partner counts.
package struct Adjustment: Hashable, Sendable {
    package var act: OperatorAct
    /// The act's partner, which an adjustment always has.
    package var partnerID: UUID
    package var newAmount: Int64
    package var netBase: Int64

    package init(act: OperatorAct, partnerID: UUID, newAmount: Int64, netBase: Int64) {
        self.act = act
        self.act.partnerID = partnerID
        self.partnerID = partnerID
        self.newAmount = newAmount
        self.netBase = netBase
    }
}

/// How a dispute ended.
package struct Dispute: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// The commission stays as it is.
        case stands
        /// It is cancelled, like an operator's cancellation.
        case cancelled
        /// It is set, like an ``Adjustment``.
        case adjusted(newAmount: Int64, netBase: Int64)
    }

    package var act: OperatorAct
    package var partnerID: UUID
    package var outcome: Outcome

    package init(act: OperatorAct, partnerID: UUID, outcome: Outcome) {
        self.act = act
        self.act.partnerID = partnerID
        self.partnerID = partnerID
        self.outcome = outcome
    }
}

/// A partner's debt that is given up. It moves money between accounts and leaves the target alone.
package struct WriteOff: Hashable, Sendable {
    package var act: OperatorAct
    /// Minor units of the order's currency, > 0.
    package var amount: Int64

    package init(act: OperatorAct, amount: Int64) {
        self.act = act
        self.amount = amount
    }
}

/// A commission was paid out.
package struct Payout: Hashable, Sendable {
    package var act: OperatorAct
    /// Minor units of the order's currency.
    package var amount: Int64
    package var method: String
    package var reference: String

    package init(act: OperatorAct, amount: Int64, method: String, reference: String) {
        self.act = act
        self.amount = amount
        self.method = method
        self.reference = reference
    }
}
