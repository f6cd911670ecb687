/// A share of an amount in parts per million: 5 % is 50,000.
package struct Rate: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let partsPerMillion: Int64

    package static let zero = Self(partsPerMillion: 0)

    package init(partsPerMillion: Int64) { self.partsPerMillion = partsPerMillion }

    /// Reads percent exactly: `7.125` is 71,250 ppm. Throws ``AmountError/tooManyDecimals`` beyond four decimals.
    package init(percent: ExactDecimal) throws(AmountError) {
        partsPerMillion = try percent.integer(decimals: 4)
    }

    /// This share of `minorUnits`, rounded once. Throws ``MoneyError/overflow`` when it does not fit in 64 bits.
    package func of(minorUnits: Int64, rounding: Rounding) throws(MoneyError) -> Int64 {
        guard
            let share = scaledIfRepresentable(
                minorUnits, numerator: partsPerMillion, denominator: 1_000_000, rounding: rounding)
        else { throw .overflow }
        return share
    }

    /// This rate in percent, without trailing zeros: `7.125`.
    package var percent: String {
        var text = decimalText(partsPerMillion, decimals: 4)
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    package var description: String { "\(percent) %" }

    package static func < (left: Self, right: Self) -> Bool { left.partsPerMillion < right.partsPerMillion }
}
