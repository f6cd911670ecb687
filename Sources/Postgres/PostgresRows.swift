import CPostgres

/// The answer to a statement. Values are decoded where they are read, from libpq's own memory.
package struct PostgresRows: RandomAccessCollection, Sendable {
    let storage: PostgresResult

    /// Takes over `result`, which is cleared with the last copy of these rows.
    init(_ result: OpaquePointer) { storage = PostgresResult(result) }

    package var startIndex: Int { 0 }
    package var endIndex: Int { Int(PQntuples(storage.result)) }

    package subscript(row: Int) -> PostgresRow {
        precondition(row >= 0 && row < endIndex, "row out of range")
        return PostgresRow(storage: storage, row: Int32(row))
    }

    /// Rows that an INSERT, UPDATE, DELETE or MERGE touched, or a SELECT answered.
    package var affectedRows: Int { PQcmdTuples(storage.result).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// The server's name for what it did: `INSERT 0 1`, `COMMIT`, `ROLLBACK`.
    var commandTag: String { PQcmdStatus(storage.result).map { String(cString: $0) } ?? "" }
}

/// Owns one `PGresult`.
// Guard of the unchecked conformance: a result never changes once libpq has handed it out, and is only read here.
final class PostgresResult: @unchecked Sendable {
    let result: OpaquePointer

    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }
}
