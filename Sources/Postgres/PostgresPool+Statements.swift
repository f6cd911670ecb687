import EventLoop

extension PostgresPool {
    /// One statement outside of a transaction: one round trip.
    ///
    /// Throws `notConnected` when nothing was sent; after `connectionLost` and `timeout` the statement may have
    /// happened, so it is not repeated here. Cancelling the task ends no wait: the statement timeout bounds it.
    package func query(
        _ statement: PostgresStatement, _ values: [PostgresValue] = []
    ) async throws(PostgresError) -> PostgresRows {
        await configuration.beforeStatement?(statement)
        do throws(PostgresError) {
            return try await queryOnce(statement, values)
        } catch {
            // The table has changed under the prepared statement; nothing was done, and the plan is forgotten.
            guard error.isStalePlan else { throw error }
            return try await queryOnce(statement, values)
        }
    }

    private func queryOnce(
        _ statement: PostgresStatement, _ values: [PostgresValue]
    ) async throws(PostgresError) -> PostgresRows {
        let connection = try await acquire()
        defer { release(connection) }
        return try await connection.query(statement, values)
    }

    /// Runs `body` in one transaction at READ COMMITTED and commits it when `body` returns, or rolls back when it
    /// throws.
    ///
    /// `body` is run again, on a new transaction, after a serialization failure or a deadlock (up to `retries` times,
    /// default 5), and after a connection lost before COMMIT was sent (``PostgresConfiguration/lostConnectionRepeatsMax``),
    /// each time after a jittered pause: what it does besides its statements must bear that. A lost COMMIT is not
    /// repeated: the error says ``PostgresError/commitUnknown``.
    /// - Throws: what `body` throws, or the ``PostgresError`` of a posted statement or of the commit.
    package func transaction<Value>(
        retries: Int = 5, _ body: @Loop (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        var repeats = TransactionRepeats(retriesMax: retries, lossesMax: configuration.lostConnectionRepeatsMax)
        while true {
            let connection = try await acquire()
            let transaction = PostgresTransaction(connection)
            do {
                let value = try await body(transaction)
                try await transaction.commit()
                release(connection)
                return value
            } catch {
                await transaction.abandon()
                release(connection)
                guard let failure = transaction.failure, repeats.allows(failure), !Task.isCancelled else { throw error }
                let pause = Backoff(configuration.repeatBackoff).pause(afterFailures: repeats.count - 1)
                try await Loop.sleep(for: pause)  // the backoff of a transaction that met another
                countRepeat()
            }
        }
    }

    /// Lends a new connection of its own, outside the pool, and closes it afterwards: for scripts and for advisory
    /// locks, which the session holds until it ends.
    ///
    /// - Parameters:
    ///   - statementTimeout: default zero: no limit, and then none for the reply either.
    ///   - lockTimeout: default zero: no limit.
    package func withConnection<Value>(
        statementTimeout: Duration = .zero, lockTimeout: Duration = .zero,
        _ body: @Loop (PostgresSession) async throws -> Value
    ) async throws -> Value {
        var dedicated = configuration
        dedicated.statementTimeout = statementTimeout
        dedicated.lockTimeout = lockTimeout
        dedicated.idleInTransactionTimeout = .zero
        let connection = PostgresConnection(dedicated)
        try await connection.open()
        defer { connection.close(PostgresError(.notConnected, "the session has ended")) }
        return try await body(PostgresSession(connection))
    }

    /// Runs SQL text of any number of statements on a connection of its own: see ``PostgresSession/executeScript(_:)``.
    package func executeScript(_ sql: String) async throws {
        try await withConnection { session in try await session.executeScript(sql) }
    }
}

/// How often a transaction may still be repeated, and for what.
struct TransactionRepeats {
    let retriesMax: Int
    let lossesMax: Int
    private(set) var count = 0
    private var losses = 0

    init(retriesMax: Int, lossesMax: Int) {
        self.retriesMax = retriesMax
        self.lossesMax = lossesMax
    }

    /// Whether a transaction that ended with `failure` may be repeated; counts it if so.
    mutating func allows(_ failure: PostgresError) -> Bool {
        guard count < retriesMax else { return false }
        if failure.kind == .connectionLost, !failure.commitUnknown {
            guard losses < lossesMax else { return false }
            losses += 1
        } else if !failure.isSerialization && !failure.isStalePlan {
            return false
        }
        count += 1
        return true
    }
}
