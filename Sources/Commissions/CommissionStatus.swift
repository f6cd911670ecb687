/// The state of one partner's commission for one order: a projection of facts, the 2 AM batch and what people did.
///
/// `pending -> confirmed -> paid`; `held` from `pending` or `confirmed` and back; `cancelled` and `notPayable` end for
/// people, but a fact (a refund taken back, a late touch) may reopen them.
package enum CommissionStatus: String, CaseIterable, Hashable, Sendable {
    case pending
    case confirmed
    case held
    case paid
    case cancelled
    /// It earns nothing for a reason that stands beside it.
    case notPayable = "not_payable"

    /// Where people and the 2 AM batch may take it.
    package var exits: Set<Self> {
        switch self {
        case .pending: [.confirmed, .held, .cancelled]
        case .confirmed: [.paid, .held, .cancelled]
        case .held: [.pending, .confirmed, .cancelled]
        case .paid, .cancelled, .notPayable: []
        }
    }

    /// Where a new fact may take it, through ``projected(from:onto:)``.
    package var factExits: Set<Self> {
        switch self {
        case .pending, .confirmed, .held: [.cancelled, .notPayable]
        case .cancelled: [.pending, .notPayable]
        case .notPayable: [.pending, .cancelled]
        case .paid: []
        }
    }

    /// The state after pricing.
    ///
    /// - Parameters:
    ///   - current: the row's state, `nil` when there is no row yet.
    ///   - standing: what the target says.
    /// - Returns: the row's new state. A paid commission is not edited: its delta is a clawback and the state stays.
    package static func projected(from current: Self?, onto standing: PartnerTarget.Standing) -> Self {
        if current == .paid { return .paid }
        switch standing {
        case .cancelled: return .cancelled
        case .notPayable: return .notPayable
        case .live:
            guard let current, current != .cancelled, current != .notPayable else { return .pending }
            return current
        }
    }
}
