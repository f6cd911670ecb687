/// What people and the 2 AM batch do to a commission, and from which states.
package enum CommissionAct: String, CaseIterable, Hashable, Sendable {
    case confirm
    case hold
    case release
    case adjust
    case cancel
    case pay

    /// The states it may start from. Everything else is a 409, or 400 where ``refusal(from:)`` says so.
    package var sources: Set<CommissionStatus> {
        switch self {
        case .confirm: [.pending]
        case .hold: [.pending, .confirmed]
        case .release: [.held]
        case .adjust, .cancel: [.pending, .confirmed, .held]
        case .pay: [.confirmed]
        }
    }

    /// Why it is refused, `nil` when it is allowed.
    package func refusal(from status: CommissionStatus) -> Refusal? {
        guard !sources.contains(status) else { return nil }
        if status == .paid, self == .adjust || self == .cancel {
            return Refusal(isBadRequest: true, message: "Cannot \(rawValue) paid commission")
        }
        return Refusal(isBadRequest: false, message: "Cannot \(rawValue) a commission that is \(status.rawValue)")
    }

    package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// 400 as specified for paid commissions; else it is a conflict with the current state, 409.
        package let isBadRequest: Bool
        package let message: String
        package var description: String { message }
    }
}
