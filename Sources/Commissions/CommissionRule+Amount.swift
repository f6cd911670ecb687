import Core

extension Policy {
    /// What this policy pays for lines whose bases are `bases` and of which refunds leave `nets`.
    ///
    /// Computed anew from what is left, never refund by refund. A percentage is rounded once a line, everything else
    /// once. The minimum is a fixed amount by nature and follows refunds like one; minimum and maximum bind the
    /// policy's sum.
    func amount(bases: [Int64], nets: [Int64]) -> (raw: Int64, amount: Int64, bound: ReasonCode?) {
        let base = bases.reduce(0, +)
        let net = nets.reduce(0, +)
        let raw: Int64
        switch commission {
        case .percentage(let rate): raw = nets.reduce(0) { $0 + share(of: $1, rate) }
        case .fixed(let amount): raw = shrunk(amount, net: net, base: base)
        case .tiered(let tiers):
            switch tiers.mode {
            case .marginal: raw = tiers.marginal(net, rounding: rounding)
            case .prospective:
                let rate = tiers.rate(reachedBy: net)
                raw = nets.reduce(0) { $0 + share(of: $1, rate) }
            }
        }
        guard net > 0 else { return (raw, raw, nil) }
        var (amount, bound) = (raw, ReasonCode?.none)
        if let minimum = minCommission.map({ shrunk($0, net: net, base: base) }), amount < minimum {
            (amount, bound) = (minimum, .raisedToMinimum)
        }
        if let maxCommission, amount > maxCommission { (amount, bound) = (maxCommission, .capped) }
        return (raw, amount, bound)
    }

    /// Rates are at most 100 %, so the share never leaves 64 bits.
    private func share(of net: Int64, _ rate: Rate) -> Int64 {
        scaled(net, numerator: rate.partsPerMillion, denominator: 1_000_000, rounding: rounding)
    }

    /// A fixed amount after refunds. A free order (base 0) has nothing to refund and gets it in full.
    private func shrunk(_ amount: Int64, net: Int64, base: Int64) -> Int64 {
        if net == base { return amount }
        switch refundMode {
        case .allOrNothing: return net > 0 ? amount : 0
        case .proportional: return scaled(amount, numerator: net, denominator: base, rounding: rounding)
        }
    }
}

extension TieredRates {
    func rate(reachedBy net: Int64) -> Rate { steps.last { $0.threshold <= net }?.rate ?? .zero }

    /// The exact sum over the steps, rounded once.
    func marginal(_ net: Int64, rounding: Rounding) -> Int64 {
        let million: Int128 = 1_000_000
        var sum: Int128 = 0
        for (index, step) in steps.enumerated() where net > step.threshold {
            let end = index + 1 < steps.count ? min(net, steps[index + 1].threshold) : net
            sum += Int128(end - step.threshold) * Int128(step.rate.partsPerMillion)
        }
        // Core rounds 64-bit values: split off an even number of whole units, which half-even does not notice.
        let even = sum / (2 * million) * 2
        let rest = scaled(
            Int64(sum - even * million), numerator: 1, denominator: Int64(million), rounding: rounding)
        return Int64(even) + rest
    }
}
