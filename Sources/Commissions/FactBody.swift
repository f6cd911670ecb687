package import Core

/// The content of a fact.
package enum FactBody: Hashable, Sendable {
    case created(OrderVersion)
    case updated(OrderVersion)
    case confirmed
    case cancelled(reason: String?)
    /// What is known of one refund; of several facts with one refund id the highest version counts.
    case refund(Refund)
    case touch(Touch)
    /// An operator gives the order to the partner that the act names.
    case attribution(OperatorAct)
    case adjustment(Adjustment)
    /// An operator cancels one partner's commission, or with no partner named all of the order's.
    case cancellation(OperatorAct)
    case dispute(Dispute)
    // The next four move money between accounts or states; the target does not know them.
    case hold(OperatorAct)
    case release(OperatorAct)
    case writeOff(WriteOff)
    case payout(Payout)

    package var kind: FactKind {
        switch self {
        case .created: .created
        case .updated: .updated
        case .confirmed: .confirmed
        case .cancelled: .cancelled
        case .refund: .refund
        case .touch: .touch
        case .attribution: .attribution
        case .adjustment: .adjustment
        case .cancellation: .cancellation
        case .dispute: .dispute
        case .hold: .hold
        case .release: .release
        case .writeOff: .writeOff
        case .payout: .payout
        }
    }

    /// The order's version that this fact brings, if it brings one.
    package var version: OrderVersion? {
        switch self {
        case .created(let version), .updated(let version): version
        default: nil
        }
    }

    /// The fact's key by its content: two events that say the same of one order give one fact.
    ///
    /// - Parameter digest: over the mapped fields *of this fact* (an order's update that lists three refunds gives
    ///   four facts with a digest each).
    package func key(digest: [UInt8], occurredAt: EpochMilliseconds) -> String {
        switch self {
        case .created(let version), .updated(let version): "\(version.version)-\(Self.short(digest))"
        case .confirmed: "\(occurredAt.rawValue)"
        case .cancelled: "\(occurredAt.rawValue)-\(Self.short(digest))"
        case .refund(let refund): "\(refund.refundID)-\(refund.version)-\(Self.short(digest))"
        case .touch(let touch): touch.key
        case .attribution(let act), .cancellation(let act), .hold(let act), .release(let act): act.id.description
        case .adjustment(let adjustment): adjustment.act.id.description
        case .dispute(let dispute): dispute.act.id.description
        case .writeOff(let writeOff): writeOff.act.id.description
        case .payout(let payout): payout.act.id.description
        }
    }

    private static func short(_ digest: [UInt8]) -> String {
        var text = ""
        for byte in digest.prefix(16) {
            if byte < 16 { text.append("0") }
            text.append(String(byte, radix: 16))
        }
        return text
    }
}
