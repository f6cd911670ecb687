/// Why and where a document is no acceptable JSON.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, CaseIterable, Hashable, Sendable {
        case unexpectedEnd = "the document ends too early"
        case unexpectedByte = "unexpected character"
        case trailingBytes = "something follows the document"
        case controlCharacter = "a control character stands unescaped in a string"
        case invalidEscape = "unknown escape in a string"
        case loneSurrogate = "half a surrogate pair"
        case invalidUTF8 = "not UTF-8"
        case nulCharacter = "a NUL character is not accepted"
        case invalidNumber = "not a number"
        case numberTooLong = "a number with too many digits"
        case duplicateKey = "a key stands twice in one object"
        case tooDeep = "nested too deeply"
    }

    package let reason: Reason
    /// Byte at which it was noticed; of an escape, a number or a repeated key the first byte.
    package let offset: Int
    /// Keys and indices that lead to the place, outermost first. They are the sender's words: not for logs.
    package private(set) var path: [String] = []

    init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var message: String { reason.rawValue }

    /// The place as a JSON pointer (RFC 6901), empty at the top.
    package var pointer: String {
        path.map { step in
            let characters = step.map { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) }
            return "/" + characters.joined()
        }.joined()
    }

    /// Safe for any log: nothing of the document is in it.
    package var description: String { "\(message) at byte \(offset)" }

    /// The same error seen from one level further out.
    func within(_ step: String) -> Self {
        var outer = self
        outer.path.insert(step, at: 0)
        return outer
    }
}

/// What a document may be beyond what the grammar says.
package struct JSONLimits: Hashable, Sendable {
    /// Arrays and objects within each other. Default 64.
    package var depthMax = 64
    /// Bytes of a number. Default 128.
    package var numberBytesMax = 128
    /// Whether strings may hold U+0000, which PostgreSQL can store in no text or `jsonb`. Default: no (RFC 8259,
    /// section 9, lets a parser limit the characters of strings).
    package var allowsNul = false

    package init() {}

    package static let `default` = Self()
}
