/// Finds the elements of a JSON array, or the lines of NDJSON, without reading what is in them: each is parsed by itself, so
/// that one bad element spoils no other.
enum JSONElements {
    /// Where the array itself is broken, so that its elements cannot be told apart.
    struct Malformed: Error {
        let offset: Int
        let message: String
    }

    /// The byte ranges of the elements of the array that `bytes` hold; brackets and quotes decide, nothing else.
    static func ofArray(_ bytes: [UInt8]) throws(Malformed) -> [Range<Int>] {
        var scanner = Scanner(bytes: bytes)
        return try scanner.elements()
    }

    /// The byte ranges of the lines that are not blank.
    static func ofLines(_ bytes: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let line = trimmed(start..<end, in: bytes)
            if !line.isEmpty { ranges.append(line) }
            start = end + 1
        }
        return ranges
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func trimmed(_ range: Range<Int>, in bytes: [UInt8]) -> Range<Int> {
        var (lower, upper) = (range.lowerBound, range.upperBound)
        while lower < upper, isSpace(bytes[lower]) { lower += 1 }
        while upper > lower, isSpace(bytes[upper - 1]) { upper -= 1 }
        return lower..<upper
    }

    private struct Scanner {
        let bytes: [UInt8]
        var offset = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func elements() throws(Malformed) -> [Range<Int>] {
            skipSpace()
            guard current == UInt8(ascii: "[") else { throw malformed("an array begins with [") }
            offset += 1
            skipSpace()
            if current == UInt8(ascii: "]") {
                offset += 1
                try end()
                return []
            }
            var ranges: [Range<Int>] = []
            while true {
                let element = try element()
                guard !element.isEmpty else { throw malformed("an element is missing") }
                ranges.append(element)
                switch current {
                case UInt8(ascii: ","): offset += 1
                case UInt8(ascii: "]"):
                    offset += 1
                    try end()
                    return ranges
                default: throw malformed("the array does not end")
                }
                skipSpace()
            }
        }

        /// Up to the comma or the bracket that ends it, outside of strings and nested brackets.
        private mutating func element() throws(Malformed) -> Range<Int> {
            let start = offset
            var depth = 0
            while offset < bytes.count {
                switch bytes[offset] {
                case UInt8(ascii: "\""): try skipString()
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return trimmed(start..<offset, in: bytes) }
                    depth -= 1
                case UInt8(ascii: ","):
                    if depth == 0 { return trimmed(start..<offset, in: bytes) }
                default: break
                }
                offset += 1
            }
            throw malformed("the array does not end")
        }

        /// Leaves the offset on the closing quote.
        private mutating func skipString() throws(Malformed) {
            let start = offset
            offset += 1
            while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
                offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard offset < bytes.count else {
                offset = start
                throw malformed("a string does not end")
            }
        }

        private var current: UInt8 { offset < bytes.count ? bytes[offset] : 0 }

        private mutating func skipSpace() {
            while offset < bytes.count, isSpace(bytes[offset]) { offset += 1 }
        }

        private mutating func end() throws(Malformed) {
            skipSpace()
            if offset < bytes.count { throw malformed("something follows the array") }
        }

        private func malformed(_ message: String) -> Malformed { Malformed(offset: offset, message: message) }
    }
}
