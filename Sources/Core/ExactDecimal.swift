/// A decimal number exactly as somebody wrote it: never a binary float, not even in between.
///
/// The grammar is JSON's number without an exponent: an optional `-`, no leading zeros, digits on both sides of a point.
/// Trailing zeros of the fraction carry no meaning and are dropped (`10000.00` is what shops send for won).
package struct ExactDecimal: Hashable, Sendable, CustomStringConvertible {
    /// Significant digits that are read; 19 is more than 64 bits of minor units can hold.
    package static let digitsMax = 19
    /// Bytes of a token that are looked at. Only zeros could make a longer one meaningful.
    package static let tokenBytesMax = 64

    private let isNegative: Bool
    private let magnitude: UInt64
    /// Decimals of `magnitude`, without trailing zeros.
    private let decimals: Int

    /// `nil` when ``init(parsing:)`` would throw.
    package init?(_ token: some StringProtocol) {
        do { try self.init(parsing: token) } catch { return nil }
    }

    /// Throws ``AmountError`` saying what about the token cannot be accepted.
    package init(parsing token: some StringProtocol) throws(AmountError) {
        let bytes = Array(token.utf8.prefix(Self.tokenBytesMax + 1))
        guard bytes.count <= Self.tokenBytesMax else { throw .tooManyDigits }
        let isNegative = bytes.first == UInt8(ascii: "-")
        let parts = bytes.dropFirst(isNegative ? 1 : 0).split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        try Self.check(parts)

        let whole = parts[0].drop { $0 == UInt8(ascii: "0") }
        var fraction = parts.count == 2 ? parts[1] : []
        while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
        let leadingZeros = whole.isEmpty ? fraction.prefix { $0 == UInt8(ascii: "0") }.count : 0
        guard whole.count + fraction.count - leadingZeros <= Self.digitsMax else { throw .tooManyDigits }

        // 19 digits are below 10¹⁹, which 64 bits without sign hold.
        magnitude = (whole + fraction).reduce(0) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) }
        decimals = fraction.count
        self.isNegative = isNegative && magnitude != 0
    }

    /// This number as an amount of `currency` in major units.
    ///
    /// Throws ``AmountError/tooManyDecimals`` when the currency has no unit that small (nothing is rounded here),
    /// ``AmountError/outOfRange`` when it does not fit in 64 bits.
    package func minorUnits(in currency: Currency) throws(AmountError) -> Int64 {
        try integer(decimals: currency.exponent)
    }

    /// This number × 10^`wanted` as a whole number; `wanted` is 0...18. Throws as ``minorUnits(in:)`` does.
    package func integer(decimals wanted: Int) throws(AmountError) -> Int64 {
        guard decimals <= wanted else { throw .tooManyDecimals }
        let (product, overflow) = magnitude.multipliedReportingOverflow(by: UInt64(powersOfTen[wanted - decimals]))
        guard !overflow, let value = Int64(exactly: isNegative ? -Int128(product) : Int128(product)) else {
            throw .outOfRange
        }
        return value
    }

    package var description: String {
        let text = decimalText(magnitude, decimals: decimals)
        return isNegative ? "-" + text : text
    }

    private static func check(_ parts: [ArraySlice<UInt8>]) throws(AmountError) {
        let last = parts[parts.count - 1]
        if last.contains(UInt8(ascii: "e")) || last.contains(UInt8(ascii: "E")) { throw .exponent }
        guard parts.count <= 2, let first = parts[0].first, parts[0].count == 1 || first != UInt8(ascii: "0"),
            parts.allSatisfy({ part in !part.isEmpty && part.allSatisfy(\.isDigit) })
        else { throw .malformed }
    }
}

/// Why a token is no acceptable amount.
package enum AmountError: Error, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case malformed
    case exponent
    case tooManyDigits
    case tooManyDecimals
    case outOfRange

    package var description: String {
        switch self {
        case .malformed: "not a decimal number"
        case .exponent: "an exponent is not accepted"
        case .tooManyDigits: "more than \(ExactDecimal.digitsMax) significant digits"
        case .tooManyDecimals: "more decimals than the unit has"
        case .outOfRange: "the amount is too large"
        }
    }
}
