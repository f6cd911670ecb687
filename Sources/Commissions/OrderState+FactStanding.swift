/// What became of one fact of an order.
package enum FactStanding: String, CaseIterable, Hashable, Sendable {
    case applied
    /// A newer version of the order or the refund is known.
    case stale
    /// The same was said before: another confirmation, another cancellation.
    case repeated
    /// Waits until the order is created.
    case waitingParent = "waiting_parent"
    /// Its currency is not the order's.
    case currencyChanged = "currency_changed"
    /// A refund whose amount, said without a currency, is none of the order's.
    case unreadableAmount = "unreadable_amount"
    /// The order was cancelled.
    case withoutEffect = "without_effect"
}

extension OrderState {
    /// What became of `fact`, which is one of those that made this state.
    package func standing(of fact: OrderFact) -> FactStanding {
        switch fact.body {
        case .created(let version), .updated(let version):
            if otherCurrency.contains(where: { $0.key == fact.key && $0.version == version }) {
                return .currencyChanged
            }
            guard let newest = versions.last else { return .stale }
            let isNewest = newest.version.version == version.version && newest.digest == fact.digest
            return isNewest ? (cancellation == nil ? .applied : .withoutEffect) : .stale
        case .confirmed:
            guard let confirmation, confirmation.occurredAt == fact.occurredAt else { return .repeated }
            if cancellation != nil { return .withoutEffect }
            return isKnown ? .applied : .waitingParent
        case .cancelled:
            return cancellation?.occurredAt == fact.occurredAt ? .applied : .repeated
        case .refund(let refund):
            var counted = refund
            if let currency = current?.currency {
                do throws(Refund.Mismatch) {
                    counted = try refund.counted(in: currency)
                } catch {
                    return error == .currency ? .currencyChanged : .unreadableAmount
                }
            }
            guard refunds.contains(counted) else { return .stale }
            if cancellation != nil { return .withoutEffect }
            return isKnown ? .applied : .waitingParent
        default:
            return isKnown ? .applied : .waitingParent
        }
    }
}
