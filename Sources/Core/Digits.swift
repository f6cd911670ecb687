/// Reads the fixed-width numbers of dates and times, byte by byte.
struct DigitReader {
    private var bytes: [UInt8].SubSequence

    init(_ text: some StringProtocol) { bytes = Array(text.utf8)[...] }

    var isAtEnd: Bool { bytes.isEmpty }

    var next: UInt8? { bytes.first }

    /// Exactly `digits` decimal digits, or `nil`.
    mutating func number(digits: Int) -> Int? {
        guard bytes.count >= digits else { return nil }
        var value = 0
        for byte in bytes.prefix(digits) {
            guard byte.isDigit else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        bytes.removeFirst(digits)
        return value
    }

    /// The next digit, if one stands there.
    mutating func digit() -> Int? {
        guard let byte = bytes.first, byte.isDigit else { return nil }
        bytes.removeFirst()
        return Int(byte - UInt8(ascii: "0"))
    }

    /// Passes over `character` in either case; `false` when something else stands there.
    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let byte = bytes.first, byte.asciiUppercased == UInt8(ascii: character).asciiUppercased else {
            return false
        }
        bytes.removeFirst()
        return true
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }

    var asciiUppercased: UInt8 {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self - 32 : self
    }

    /// The value of a hexadecimal digit in either case.
    package var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The lower-case hexadecimal digit of a value 0...15.
    @inlinable package static func hexadecimalDigit(of value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension BinaryInteger {
    /// Division that rounds towards negative infinity. `divisor` > 0.
    package func flooredQuotient(by divisor: Self) -> Self {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension [UInt8] {
    /// Appends `value` >= 0 in decimal, filled up with zeros to at least `digits` places.
    mutating func append(decimal value: Int, digits: Int) {
        var power = 1
        for _ in 1..<Swift.max(digits, 1) { power *= 10 }
        while value / power >= 10 { power *= 10 }
        while power > 0 {
            append(UInt8(ascii: "0") + UInt8(value / power % 10))
            power /= 10
        }
    }
}
