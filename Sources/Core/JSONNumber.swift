/// A number as it was written, of any size and precision.
package struct JSONNumber: Hashable, Sendable, CustomStringConvertible {
    /// A token of JSON's number grammar.
    package let text: String

    /// `nil` when `text` is not of JSON's number grammar.
    package init?(_ text: String) {
        guard case .number(let number)? = JSON(validating: Array(text.utf8)),
            number.text.utf8.count == text.utf8.count
        else { return nil }
        self = number
    }

    package init(_ value: some BinaryInteger) { text = String(value) }

    /// The shortest text that reads back as `value`; `nil` for infinities and NaN. For measurements, never for money.
    package init?(measured value: Double) {
        guard value.isFinite else { return nil }
        text = value.description
    }

    /// For the parser, which has just checked the token.
    init(token: String) { text = token }

    /// The value, when it is written as a whole number that fits in 64 bits.
    package var integer: Int64? { Int64(text) }

    package var description: String { text }
}
