package import Core

/// What a policy pays.
package enum CommissionRule: Hashable, Sendable {
    case percentage(Rate)
    /// Once for an order, in minor units.
    case fixed(Int64)
    case tiered(TieredRates)
}

/// Rates that grow with the net base of what the policy pays for.
package struct TieredRates: Hashable, Sendable {
    package enum Mode: String, CaseIterable, Hashable, Sendable {
        /// Each rate pays the part of the base that lies in its step.
        case marginal
        /// The rate of the step that the base reaches pays all of it.
        case prospective
    }

    package struct Step: Hashable, Sendable {
        /// Where the step begins, minor units, inclusive.
        package var threshold: Int64
        package var rate: Rate

        package init(threshold: Int64, rate: Rate) {
            self.threshold = threshold
            self.rate = rate
        }
    }

    package let mode: Mode
    /// Thresholds rise. Below the first nothing is paid.
    package let steps: [Step]

    /// Steps in any order, at least one; thresholds are >= 0 and differ.
    package init(mode: Mode, steps: [Step]) throws(PolicyError) {
        let sorted = steps.sorted { $0.threshold < $1.threshold }
        guard let first = sorted.first, first.threshold >= 0 else { throw .steps }
        guard zip(sorted, sorted.dropFirst()).allSatisfy({ $0.threshold < $1.threshold }) else { throw .steps }
        self.mode = mode
        self.steps = sorted
    }
}
