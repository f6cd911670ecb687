/// The state of a conversion. It follows from the order's facts alone, so a fact may lead anywhere; a person may only
/// go where ``exits`` says.
package enum ConversionStatus: String, CaseIterable, Hashable, Sendable {
    case pending
    case confirmed
    case cancelled
    /// Confirmed, and part of it refunded.
    case partialRefund = "partial_refund"
    case refunded

    /// Where a person may take it (by confirming, cancelling or refunding).
    package var exits: Set<Self> {
        switch self {
        case .pending: [.confirmed, .cancelled, .refunded]
        case .confirmed: [.cancelled, .partialRefund, .refunded]
        case .partialRefund: [.cancelled, .partialRefund, .refunded]
        case .cancelled, .refunded: []
        }
    }
}
