import Core

/// Two hexadecimal digits a byte.
package enum Hex {
    /// Lower case.
    package static func encode(_ bytes: some Collection<UInt8>) -> String { encode(Array(bytes)) }

    /// Lower case. Of arrays by itself, because the other one is not specialised outside this module.
    package static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            var position = 0
            for byte in bytes {
                buffer[position] = .hexadecimalDigit(of: byte >> 4)
                buffer[position + 1] = .hexadecimalDigit(of: byte & 15)
                position += 2
            }
            return position
        }
    }

    /// Either case; `nil` for an odd number of digits or anything that is none.
    package static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 2)
        var high: UInt8?
        for digit in text.utf8 {
            guard let value = digit.hexadecimalValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }
}
