/// The accounts of the ledger.
package enum Account: String, CaseIterable, Hashable, Sendable {
    case programmeExpense = "programme_expense"
    case partnerPending = "partner_pending"
    case partnerConfirmed = "partner_confirmed"
    case partnerHeld = "partner_held"
    case payoutClearing = "payout_clearing"
    case partnerPaid = "partner_paid"
    case writeOff = "write_off"

    /// Where the money of a commission in this state lies. A paid one's later deltas go to the confirmed account, which
    /// may become negative and is netted from the next payout. One that ended has nothing; if it lives again, it is
    /// pending.
    package init(holding status: CommissionStatus?) {
        switch status {
        case .confirmed, .paid: self = .partnerConfirmed
        case .held: self = .partnerHeld
        case .pending, .cancelled, .notPayable, nil: self = .partnerPending
        }
    }
}

/// One entry of the ledger: what one account gives, the other takes.
package struct Posting: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Hashable, Sendable {
        case accrual
        case reversal
        case clawback
        case confirmation
        case hold
        case release
        case payment
        case writeOff = "write_off"
    }

    package let kind: Kind
    package let debit: Account
    package let credit: Account
    /// > 0.
    package let amount: Int64

    /// The entry for a delta, `nil` for 0.
    ///
    /// - Parameter status: of the row *before* the new facts, `nil` when it is born now: that is where the money lies.
    package init?(delta: Int64, status: CommissionStatus?) {
        let account = Account(holding: status)
        if delta > 0 {
            (kind, debit, credit) = (.accrual, .programmeExpense, account)
        } else if delta < 0, delta != .min {
            (kind, debit, credit) = (status == .paid ? .clawback : .reversal, account, .programmeExpense)
        } else {
            return nil
        }
        amount = abs(delta)
    }

    /// The entry that follows a commission from one state to another, `nil` when there is nothing to move. A negative
    /// balance moves the other way round.
    package init?(moving balance: Int64, from: CommissionStatus, to: CommissionStatus) {
        guard from.exits.contains(to), to != .cancelled, balance != 0, balance != .min else { return nil }
        let source = Account(holding: from)
        let destination: Account = to == .paid ? .partnerPaid : Account(holding: to)
        guard source != destination else { return nil }
        switch to {
        case .held: kind = .hold
        case .paid: kind = .payment
        default: kind = from == .held ? .release : .confirmation
        }
        (debit, credit) = balance > 0 ? (source, destination) : (destination, source)
        amount = abs(balance)
    }
}
