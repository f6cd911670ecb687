/// A JSON value (RFC 8259). Numbers are the text that was written, objects keep the order of their members.
///
/// Two values are equal when they are written alike: `1` and `1.0` differ, and so do two orders of the same members.
package enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    package init(integer: some BinaryInteger) { self = .number(JSONNumber(integer)) }
}

extension JSON {
    package var isNull: Bool { if case .null = self { true } else { false } }

    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    package var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }

    package var string: String? { if case .string(let value) = self { value } else { nil } }

    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }

    package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// A number written as a whole number that fits in 64 bits; `nil` for `1.0`, `1e3` and `"1"`.
    package var integer: Int64? { number?.integer }

    /// A number, or a string that holds one, read exactly; shops write amounts both ways.
    package var decimal: ExactDecimal? { (number?.text ?? string).flatMap { ExactDecimal($0) } }

    /// The member of an object; `nil` when this is no object or has no such member.
    package subscript(key: String) -> JSON? { object?[key] }

    /// The element of an array; `nil` when this is no array or has no such element.
    package subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self.init(integer: value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }

    /// Keys must differ.
    package init(dictionaryLiteral members: (String, JSON)...) { self = .object(JSONObject(members)) }
}
