/// An amount of one currency as a whole number of its minor units. May be negative.
package struct Money: Hashable, Sendable, CustomStringConvertible {
    package let minorUnits: Int64
    package let currency: Currency

    package init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// Reads an amount in major units, exactly.
    package init(_ amount: ExactDecimal, currency: Currency) throws(AmountError) {
        self.init(minorUnits: try amount.minorUnits(in: currency), currency: currency)
    }

    /// The amount in major units with all decimals of its currency: `100.00` USD, `100000` KRW.
    package var amount: String { decimalText(minorUnits, decimals: currency.exponent) }

    /// `100.00 USD`
    package var description: String { "\(amount) \(currency.code)" }

    package func adding(_ other: Self) throws(MoneyError) -> Self {
        try combined(with: other) { $0.addingReportingOverflow($1) }
    }

    package func subtracting(_ other: Self) throws(MoneyError) -> Self {
        try combined(with: other) { $0.subtractingReportingOverflow($1) }
    }

    private func combined(
        with other: Self, _ operation: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
    ) throws(MoneyError) -> Self {
        guard currency == other.currency else { throw .currencyMismatch(currency, other.currency) }
        let (sum, overflow) = operation(minorUnits, other.minorUnits)
        guard !overflow else { throw .overflow }
        return Self(minorUnits: sum, currency: currency)
    }
}

package enum MoneyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The result does not fit in 64 bits of minor units.
    case overflow
    case currencyMismatch(Currency, Currency)

    package var description: String {
        switch self {
        case .overflow: "the amount is too large"
        case .currencyMismatch(let left, let right): "amounts of \(left) and \(right) cannot be combined"
        }
    }
}

/// `value` ÷ 10^`decimals`, written out with exactly that many decimals.
func decimalText(_ value: Int64, decimals: Int) -> String {
    let text = decimalText(value.magnitude, decimals: decimals)
    return value < 0 ? "-" + text : text
}

func decimalText(_ magnitude: UInt64, decimals: Int) -> String {
    var digits = String(magnitude)
    guard decimals > 0 else { return digits }
    if digits.utf8.count <= decimals {
        digits = String(repeating: "0", count: decimals + 1 - digits.utf8.count) + digits
    }
    digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
    return digits
}
