package import Core

/// A parameter of a statement, sent in PostgreSQL's binary format.
///
/// Arrays are one-dimensional; an element that is `nil` is a NULL. They are for `unnest($1, $2…)`: one statement for
/// many rows.
package enum PostgresValue: Sendable {
    case null
    case int8(Int64)
    case int4(Int32)
    case bool(Bool)
    case text(String)
    case bytes([UInt8])
    case uuid(UUID)
    /// `timestamptz`
    case timestamp(EpochMilliseconds)
    case date(CivilDate)
    /// `jsonb`
    case json(JSON)
    /// `jsonb` from a document's text in UTF-8, which the server checks: saves a parse and a serialization.
    case jsonBytes([UInt8])

    case int8s([Int64?])
    case int4s([Int32?])
    case bools([Bool?])
    case texts([String?])
    case bytesArray([[UInt8]?])
    case uuids([UUID?])
    case timestamps([EpochMilliseconds?])
    case dates([CivilDate?])
    case jsons([JSON?])
    case jsonBytesArray([[UInt8]?])

    /// `make(value)`, or NULL when there is none: `.optional(click, PostgresValue.uuid)`.
    package static func optional<Value>(_ value: Value?, _ make: (Value) -> PostgresValue) -> PostgresValue {
        value.map(make) ?? .null
    }

    /// What the server is told the parameter's type is; unspecified for NULL.
    var type: PostgresType {
        switch self {
        case .null: .unspecified
        case .int8: .int8
        case .int4: .int4
        case .bool: .bool
        case .text: .text
        case .bytes: .bytea
        case .uuid: .uuid
        case .timestamp: .timestamptz
        case .date: .date
        case .json, .jsonBytes: .jsonb
        case .int8s: .int8Array
        case .int4s: .int4Array
        case .bools: .boolArray
        case .texts: .textArray
        case .bytesArray: .byteaArray
        case .uuids: .uuidArray
        case .timestamps: .timestamptzArray
        case .dates: .dateArray
        case .jsons, .jsonBytesArray: .jsonbArray
        }
    }
}
