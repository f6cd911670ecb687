package import EventLoop

/// A connection of its own, outside the pool: for scripts, and for what belongs to a session, such as advisory locks.
///
/// Used by one task, one call at a time; closed when the body it was given to ends.
@Loop
package final class PostgresSession {
    private let connection: PostgresConnection

    init(_ connection: PostgresConnection) { self.connection = connection }

    /// One statement outside of a transaction.
    package func query(
        _ statement: PostgresStatement, _ values: [PostgresValue] = []
    ) async throws(PostgresError) -> PostgresRows {
        try await connection.query(statement, values)
    }

    /// Runs SQL text of any number of statements (no parameters, no answer, no COPY) by the simple protocol.
    ///
    /// The server runs them as one transaction unless the text has its own BEGIN and COMMIT. Throws the first error,
    /// with which everything of that transaction is rolled back, an open BEGIN too.
    package func executeScript(_ sql: String) async throws(PostgresError) {
        do throws(PostgresError) {
            try await connection.runScript(sql)
        } catch {
            if connection.hasFailedTransaction {
                do throws(PostgresError) {
                    try await connection.runScript("ROLLBACK")
                } catch let rollbackError {
                    // The script's error says more than that of the clean-up, and the connection is of no more use.
                    connection.close(rollbackError)
                }
            }
            throw error
        }
    }

    /// A transaction like the pool's, on this connection, not repeated.
    package func transaction<Value>(
        _ body: @Loop (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        let transaction = PostgresTransaction(connection)
        do {
            let value = try await body(transaction)
            try await transaction.commit()
            return value
        } catch {
            await transaction.abandon()
            throw error
        }
    }
}
