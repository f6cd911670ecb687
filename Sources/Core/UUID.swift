/// A universally unique identifier (RFC 9562), compared as its 16 bytes are, which is also how PostgreSQL orders it.
package struct UUID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Bytes 0 to 7, the first the most significant.
    package let high: UInt64
    /// Bytes 8 to 15.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the form `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in either case; `nil` for every other form.
    package init?(_ text: String) {
        guard text.utf8.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = byte.hexadecimalValue else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
            digits += 1
        }
        self.init(high: words.0, low: words.1)
    }

    /// `nil` unless there are exactly 16 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let bytes = Array(bytes)
        self.init(
            high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }, low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// The 16 bytes in network order.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<8 {
                buffer[index] = UInt8(truncatingIfNeeded: high >> (56 - 8 * UInt64(index)))
                buffer[index + 8] = UInt8(truncatingIfNeeded: low >> (56 - 8 * UInt64(index)))
            }
            count = 16
        }
    }

    /// Lower case with hyphens.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: word >> (60 - 4 * UInt64(digit & 15))) & 15
                buffer[position] = UInt8.hexadecimalDigit(of: nibble)
                position += 1
            }
            return position
        }
    }

    /// The version number that stands in the identifier, 0...15.
    package var version: Int { Int(high >> 12 & 15) }

    package static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }
}

extension UUID {
    /// A version 7 identifier: 48 bits of `instant` (1970 to year 10889), then 74 of the `random` bits.
    ///
    /// Those of later milliseconds compare greater; within one millisecond the order is random.
    package static func version7(at instant: EpochMilliseconds, random: (UInt64, UInt64)) -> Self {
        let time = UInt64(clamping: instant.rawValue) & 0xFFFF_FFFF_FFFF
        return Self(
            high: time << 16 | 0x7000 | (random.0 & 0x0FFF),
            low: 0x8000_0000_0000_0000 | (random.1 & 0x3FFF_FFFF_FFFF_FFFF))
    }

    /// ``version7(at:random:)`` with bits of the system's generator.
    package static func version7(at instant: EpochMilliseconds) -> Self {
        var generator = SystemRandomNumberGenerator()
        return version7(at: instant, random: (generator.next(), generator.next()))
    }

    /// When this identifier was born, if it is of version 7 and the RFC's variant.
    package var version7Time: EpochMilliseconds? {
        guard version == 7, low >> 62 == 0b10 else { return nil }
        return EpochMilliseconds(rawValue: Int64(high >> 16))
    }
}
