/// Writes JSON straight into bytes, for lines and reports that are built once and sent.
struct JSONText {
    private(set) var bytes: [UInt8] = []

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    mutating func integer(_ value: Int64) { bytes.append(contentsOf: String(value).utf8) }

    /// A JSON number, or null for what JSON cannot say (infinities, NaN).
    mutating func double(_ value: Double) {
        if value.isFinite { bytes.append(contentsOf: "\(value)".utf8) } else { raw("null") }
    }

    /// A quoted, escaped string; beyond `bytesMax` bytes it is cut between two scalars and ends in an ellipsis.
    mutating func string(_ text: some StringProtocol, bytesMax: Int = .max) {
        bytes.append(UInt8(ascii: "\""))
        var room = bytesMax
        if text.utf8.count <= bytesMax {
            for byte in text.utf8 { escaped(byte) }
        } else {
            for scalar in text.unicodeScalars {
                let encoded = UTF8.encode(scalar)!
                room -= encoded.count
                if room < 0 { break }
                for byte in encoded { escaped(byte) }
            }
            raw("…")
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x0A: raw("\\n")
        case 0x0D: raw("\\r")
        case 0x09: raw("\\t")
        case ..<0x20, 0x7F:
            raw("\\u00")
            bytes.append(Self.hexDigit(byte >> 4))
            bytes.append(Self.hexDigit(byte & 15))
        default: bytes.append(byte)
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
