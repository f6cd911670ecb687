/// The fields of a query or of a posted form (`application/x-www-form-urlencoded`).
package enum FormFields {
    /// Fields in their order. A malformed escape stands for itself, as browsers have it; bytes that are no UTF-8 are replaced.
    package static func parse(_ text: some Collection<UInt8>) -> [(String, String)] {
        text.split(separator: UInt8(ascii: "&")).map { field in
            guard let equals = field.firstIndex(of: UInt8(ascii: "=")) else { return (lenient(field), "") }
            return (lenient(field[..<equals]), lenient(field[field.index(after: equals)...]))
        }
    }

    private static func lenient(_ text: some Collection<UInt8>) -> String {
        decoded(text, plusIsSpace: true) ?? String(decoding: text, as: UTF8.self)
    }

    /// Resolves `%41` and, in forms, `+`; `nil` when an escape is malformed.
    static func decoded(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexadecimal), let low = iterator.next().flatMap(hexadecimal)
                else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
