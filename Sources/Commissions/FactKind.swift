/// What a fact about an order says: the column `order_facts.kind`.
package enum FactKind: String, CaseIterable, Hashable, Sendable {
    // What an order system says.
    case created
    case updated
    case confirmed
    case cancelled
    case refund
    // What the click worker's rows say.
    case touch
    // What an operator does to money.
    case attribution
    case adjustment
    case cancellation
    case dispute
    case hold
    case release
    case writeOff = "write_off"
    case payout

    /// The kind of fact that an event of an order system brings: `order.created` and so on; `nil` for any other type.
    package init?(eventType: String) {
        switch eventType {
        case "order.created": self = .created
        case "order.updated": self = .updated
        case "order.confirmed": self = .confirmed
        case "order.cancelled": self = .cancelled
        case "order.refunded": self = .refund
        default: return nil
        }
    }
}
