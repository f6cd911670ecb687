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
        let text = String(token)
        let digits = try DecimalDigits(text.utf8Span.span)
        magnitude = digits.magnitude
        decimals = digits.decimals
        isNegative = digits.isNegative && digits.magnitude != 0
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

/// The digits of a token, collected in one pass.
private struct DecimalDigits {
    let isNegative: Bool
    /// At most 19 digits, which are below 10¹⁹ and fit in 64 bits without sign.
    private(set) var magnitude: UInt64 = 0
    private(set) var decimals = 0
    private var significant = 0

    init(_ bytes: Span<UInt8>) throws(AmountError) {
        guard bytes.count <= ExactDecimal.tokenBytesMax else { throw .tooManyDigits }
        isNegative = !bytes.isEmpty && bytes[0] == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        var index = start
        while index < bytes.count, bytes[index].isDigit {
            try append(bytes[index])
            index += 1
        }
        guard index == start + 1 || (index > start && bytes[start] != UInt8(ascii: "0")) else { throw .malformed }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            let fraction = try appendFraction(bytes.extracting((index + 1)...))
            guard fraction > 0 else { throw .malformed }
            index += 1 + fraction
        }
        guard index == bytes.count else { throw bytes[index] | 0x20 == UInt8(ascii: "e") ? .exponent : .malformed }
    }

    /// Zeros wait until a digit after them shows that they count. Answers how many digits stand there.
    private mutating func appendFraction(_ bytes: Span<UInt8>) throws(AmountError) -> Int {
        var zeros = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte.isDigit else { return index }
            if byte == UInt8(ascii: "0") {
                zeros += 1
                continue
            }
            for _ in 0..<zeros { try append(UInt8(ascii: "0")) }
            try append(byte)
            decimals += zeros + 1
            zeros = 0
        }
        return bytes.count
    }

    private mutating func append(_ digit: UInt8) throws(AmountError) {
        if significant > 0 || digit != UInt8(ascii: "0") { significant += 1 }
        guard significant <= ExactDecimal.digitsMax else { throw .tooManyDigits }
        magnitude = magnitude * 10 + UInt64(digit - UInt8(ascii: "0"))
    }
}
