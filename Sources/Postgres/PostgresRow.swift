import CPostgres
package import Core

/// A column of a row, by its position from 0 (fastest) or its name.
package protocol PostgresColumn {
    /// Its position among `names`; `nil` when there is none.
    func position(in names: PostgresColumnNames) -> Int32?
    var label: String { get }
}

/// Where a ``PostgresColumn`` looks its position up.
package struct PostgresColumnNames {
    fileprivate let result: OpaquePointer
}

extension Int: PostgresColumn {
    package func position(in names: PostgresColumnNames) -> Int32? {
        self >= 0 && self < Int(PQnfields(names.result)) ? Int32(self) : nil
    }
    package var label: String { String(self) }
}

extension String: PostgresColumn {
    package func position(in names: PostgresColumnNames) -> Int32? {
        let number = PQfnumber(names.result, self)
        return number < 0 ? nil : number
    }
    package var label: String { self }
}

/// One row of an answer. An accessor without `optional` throws ``PostgresError`` of kind `decoding` for a NULL, and
/// every accessor does for a column of another type or one that is not there.
package struct PostgresRow: Sendable {
    let storage: PostgresResult
    let row: Int32

    package func isNull(_ column: some PostgresColumn) throws(PostgresError) -> Bool {
        try PQgetisnull(storage.result, row, position(of: column)) != 0
    }

    /// From `int2`, `int4`, `int8`, `oid`, and `numeric` that is whole (what `sum` of `int8` answers).
    package func int(_ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        try required(column, optionalInt(column))
    }

    package func optionalInt(_ column: some PostgresColumn) throws(PostgresError) -> Int64? {
        try value(column) { (cell) throws(PostgresError) in try cell.int(column) }
    }

    /// From `float4` and `float8`. Never for money.
    package func double(_ column: some PostgresColumn) throws(PostgresError) -> Double {
        try required(column, optionalDouble(column))
    }

    package func optionalDouble(_ column: some PostgresColumn) throws(PostgresError) -> Double? {
        try value(column) { (cell) throws(PostgresError) in try cell.double(column) }
    }

    /// From `text`, `varchar`, `char(n)`, `name`, and enums.
    package func text(_ column: some PostgresColumn) throws(PostgresError) -> String {
        try required(column, optionalText(column))
    }

    package func optionalText(_ column: some PostgresColumn) throws(PostgresError) -> String? {
        try value(column) { (cell) throws(PostgresError) in try cell.text(column) }
    }

    package func bool(_ column: some PostgresColumn) throws(PostgresError) -> Bool {
        try required(column, optionalBool(column))
    }

    package func optionalBool(_ column: some PostgresColumn) throws(PostgresError) -> Bool? {
        try value(column) { (cell) throws(PostgresError) in try cell.bool(column) }
    }

    /// From `bytea`.
    package func bytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        try required(column, optionalBytes(column))
    }

    package func optionalBytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try value(column) { (cell) throws(PostgresError) in try cell.bytes(column) }
    }

    package func uuid(_ column: some PostgresColumn) throws(PostgresError) -> UUID {
        try required(column, optionalUUID(column))
    }

    package func optionalUUID(_ column: some PostgresColumn) throws(PostgresError) -> UUID? {
        try value(column) { (cell) throws(PostgresError) in try cell.uuid(column) }
    }

    /// From `timestamptz`; microseconds are cut off downwards. `infinity` throws.
    package func timestamp(_ column: some PostgresColumn) throws(PostgresError) -> EpochMilliseconds {
        try required(column, optionalTimestamp(column))
    }

    package func optionalTimestamp(_ column: some PostgresColumn) throws(PostgresError) -> EpochMilliseconds? {
        try value(column) { (cell) throws(PostgresError) in try cell.timestamp(column) }
    }

    /// From `date`. `infinity` throws.
    package func date(_ column: some PostgresColumn) throws(PostgresError) -> CivilDate {
        try required(column, optionalDate(column))
    }

    package func optionalDate(_ column: some PostgresColumn) throws(PostgresError) -> CivilDate? {
        try value(column) { (cell) throws(PostgresError) in try cell.date(column) }
    }

    /// From `jsonb`.
    package func json(_ column: some PostgresColumn) throws(PostgresError) -> JSON {
        try required(column, optionalJSON(column))
    }

    package func optionalJSON(_ column: some PostgresColumn) throws(PostgresError) -> JSON? {
        try value(column) { (cell) throws(PostgresError) in try cell.json(column) }
    }

    /// The text of a `jsonb` value, unparsed.
    package func jsonBytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        try required(column, optionalJSONBytes(column))
    }

    package func optionalJSONBytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try value(column) { (cell) throws(PostgresError) in try [UInt8](cell.jsonText(column)) }
    }
}

extension PostgresRow {
    private func position(of column: some PostgresColumn) throws(PostgresError) -> Int32 {
        guard let position = column.position(in: PostgresColumnNames(result: storage.result)) else {
            throw PostgresError(.decoding, "the answer has no column \(column.label)")
        }
        return position
    }

    func required<Value>(_ column: some PostgresColumn, _ value: Value?) throws(PostgresError) -> Value {
        guard let value else { throw PostgresError(.decoding, "column \(column.label) is NULL") }
        return value
    }

    /// Decodes the value's bytes, which `decode` must not keep; `nil` for NULL.
    func value<Value>(
        _ column: some PostgresColumn, _ decode: (PostgresCell) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value? {
        let position = try position(of: column)
        guard PQgetisnull(storage.result, row, position) == 0 else { return nil }
        precondition(PQfformat(storage.result, position) == 1, "every answer is asked for in binary")
        let cell = PostgresCell(
            type: PostgresType(rawValue: PQftype(storage.result, position)),
            bytes: UnsafeRawBufferPointer(
                start: PQgetvalue(storage.result, row, position),
                count: Int(PQgetlength(storage.result, row, position))))
        // The bytes are libpq's and go with the result.
        defer { withExtendedLifetime(storage) {} }
        return try decode(cell)
    }
}
