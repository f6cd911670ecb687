/// Why a policy makes no sense. Safe for any log.
package enum PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    case field(FactError)
    case rate
    case amount
    /// The minimum lies above the maximum.
    case bounds
    case steps
    case validity
    /// A fixed amount, a minimum, a maximum or thresholds without a currency.
    case currency

    package var description: String {
        switch self {
        case .field(let error): error.description
        case .rate: "a rate lies between 0 and 100 %"
        case .amount: "an amount lies between 0 and \(FactLimits.amountMax)"
        case .bounds: "the minimum lies above the maximum"
        case .steps: "tiers need at least one step, and thresholds that differ"
        case .validity: "validUntil has to lie after validFrom"
        case .currency: "amounts of a policy need its currency"
        }
    }
}
