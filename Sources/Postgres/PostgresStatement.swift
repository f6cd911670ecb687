/// A statement with a name, prepared on each connection when it is first used there.
///
/// `$1` is the first parameter; its type is that of the value given, so `unnest($1)` needs no cast for an array value,
/// and a type that ``PostgresValue`` lacks is sent as text and cast: `$1::interval`, `$2::mood` (an enum). A `NULL` has
/// no type: PostgreSQL then infers the parameter's from the text.
package struct PostgresStatement: Hashable, Sendable {
    /// Stands in errors and in the server's `pg_prepared_statements`; constant, not made from data.
    package let name: String
    package let sql: String

    package init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }

    static let begin = PostgresStatement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
    package static let commit = PostgresStatement("commit", "COMMIT")
    static let rollback = PostgresStatement("rollback", "ROLLBACK")
}
