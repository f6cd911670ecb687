/// A reply of Redis (RESP2).
package enum RedisValue: Hashable, Sendable {
    case null
    case integer(Int64)
    /// A bulk string.
    case bytes([UInt8])
    /// A simple string such as `OK`.
    case status(String)
    case array([RedisValue])
    /// An error as an element of an array; a whole reply that is an error is thrown as ``RedisError``.
    case error(String)

    package var isNull: Bool { self == .null }

    /// The integer; also of a bulk string that holds one, since scripts and hashes give numbers as text.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .bytes(let value): Self.integer(of: value)
        default: nil
        }
    }

    package var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }

    /// A bulk or simple string as text; bytes that are not UTF-8 are replaced.
    package var string: String? {
        switch self {
        case .bytes(let value): String(decoding: value, as: UTF8.self)
        case .status(let value): value
        default: nil
        }
    }

    package var array: [RedisValue]? { if case .array(let value) = self { value } else { nil } }

    /// An element of an array; nil beyond its end or for another kind of value.
    package subscript(index: Int) -> RedisValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// Strict: an optional minus and digits, within Int64.
    private static func integer(of text: [UInt8]) -> Int64? {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text[...]
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (tenfold, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowedToo) = tenfold.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !overflowed, !overflowedToo else { return nil }
            value = next
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }
}
