/// Why data is no fact. The field is named, its content never: safe for any log.
package enum FactError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(field: String)
    /// Of another JSON type than the field has, or a text that is empty, too long or not of the field's form.
    case malformed(field: String)
    case outOfRange(field: String)
    case unknownCurrency(field: String)
    /// A refund with neither amount nor quantity nor lines, and not taken back.
    case emptyRefund
    case tooManyLines

    /// The reason code that is stored with the event.
    package var code: String {
        switch self {
        case .missing: "field_missing"
        case .malformed: "field_malformed"
        case .outOfRange: "field_out_of_range"
        case .unknownCurrency: "unknown_currency"
        case .emptyRefund: "refund_empty"
        case .tooManyLines: "too_many_lines"
        }
    }

    package var description: String {
        switch self {
        case .missing(let field): "\(field) is missing"
        case .malformed(let field): "\(field) is malformed"
        case .outOfRange(let field): "\(field) is out of range"
        case .unknownCurrency(let field): "\(field) is not a known currency"
        case .emptyRefund: "a refund needs an amount, a quantity or lines"
        case .tooManyLines: "more than \(FactLimits.linesMax) lines"
        }
    }
}
