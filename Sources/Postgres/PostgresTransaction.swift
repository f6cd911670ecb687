package import EventLoop

/// One transaction at READ COMMITTED, handed to the body of ``PostgresPool/transaction(retries:_:)``.
///
/// BEGIN travels with the first statement. After the first error the server refuses everything else, so every later
/// call throws that error again without sending anything.
@Loop
package final class PostgresTransaction {
    private let connection: PostgresConnection
    private let beforeStatement: (@Loop (PostgresStatement) async -> Void)?
    /// The first failure; what the body makes of it does not change that the transaction has failed.
    private(set) var failure: PostgresError?
    private var hasBegun = false
    private var hasOpenSegment = false
    private var commitIsSent = false
    private var isOver = false
    /// Posts that wait for the test hook, which a call that cannot wait may not await.
    private var heldPosts: [(PostgresStatement, [PostgresValue])] = []

    init(_ connection: PostgresConnection) {
        self.connection = connection
        beforeStatement = connection.configuration.beforeStatement
    }

    /// Sends a statement together with all that was posted, and waits for its rows: one round trip.
    ///
    /// Throws the first failure of the transaction, be it this statement's or that of one posted before.
    package func execute(
        _ statement: PostgresStatement, _ values: [PostgresValue] = []
    ) async throws(PostgresError) -> PostgresRows {
        if beforeStatement != nil {
            await releaseHeldPosts()
            await beforeStatement?(statement)
        }
        try send(statement, values, keepsRows: true)
        guard let rows = try await endSegment() else { preconditionFailure("a segment that keeps rows has some") }
        return rows
    }

    /// Sends a statement with the next ``execute(_:_:)`` or the commit, which throws its error; its rows are dropped.
    package func post(_ statement: PostgresStatement, _ values: [PostgresValue] = []) {
        if beforeStatement != nil {
            heldPosts.append((statement, values))
            return
        }
        postNow(statement, values)
    }

    private func postNow(_ statement: PostgresStatement, _ values: [PostgresValue]) {
        do throws(PostgresError) {
            try send(statement, values, keepsRows: false)
        } catch {
            // `send` has kept it as the transaction's failure, which the next call throws.
        }
    }

    private func releaseHeldPosts() async {
        while !heldPosts.isEmpty {
            let (statement, values) = heldPosts.removeFirst()
            await beforeStatement?(statement)
            postNow(statement, values)
        }
    }

    private func send(
        _ statement: PostgresStatement, _ values: [PostgresValue], keepsRows: Bool
    ) throws(PostgresError) {
        precondition(!isOver, "the transaction is used after its body has ended")
        if let failure { throw failure }
        do throws(PostgresError) {
            if !hasBegun {
                try connection.append(.begin, [], keepsRows: false)
                hasBegun = true
                connection.configuration.onTransaction?(1)
            }
            hasOpenSegment = true
            try connection.append(statement, values, keepsRows: keepsRows)
        } catch {
            throw noteFailure(error)
        }
    }

    private func endSegment(isCommit: Bool = false) async throws(PostgresError) -> PostgresRows? {
        hasOpenSegment = false
        let outcome = await withUnsafeContinuation { (caller: UnsafeContinuation<PostgresOutcome, Never>) in
            connection.endSegment(SegmentEnd(transaction: self, caller: caller, isCommit: isCommit))
        }
        return try outcome.get()
    }

    /// Keeps the first failure and answers it: the one that explains the others.
    func noteFailure(_ error: PostgresError, ofCommit isCommit: Bool = false) -> PostgresError {
        if let failure { return failure }
        var noted = error
        if commitIsSent, error.kind == .connectionLost || error.kind == .timeout {
            // The server answers in order: its own last words in the place of an earlier answer mean that it has not
            // come to the COMMIT. A connection that just breaks means nothing.
            noted.commitUnknown = isCommit || error.sqlState == nil
        }
        failure = noted
        return noted
    }

    /// COMMIT in a segment of its own: it is not skipped when a posted statement fails, and then rolls back, so that
    /// one round trip ends the transaction either way.
    func commit() async throws(PostgresError) {
        if beforeStatement != nil {
            await releaseHeldPosts()
            await beforeStatement?(.commit)
        }
        if let failure { throw failure }
        guard hasBegun else { return }
        if hasOpenSegment {
            hasOpenSegment = false
            connection.endSegment(SegmentEnd(transaction: self))
        }
        try send(.commit, [], keepsRows: true)
        commitIsSent = true
        let rows = try await endSegment(isCommit: true)
        guard rows?.commandTag != "ROLLBACK" else {
            throw failure ?? noteFailure(PostgresError(.sql, sqlState: "40000", "the transaction was rolled back"))
        }
        end()
    }

    private func end() {
        if hasBegun, !isOver { connection.configuration.onTransaction?(-1) }
        isOver = true
    }

    /// Ends what is still open after a failure, so that its locks are gone when the caller hears of it.
    func abandon() async {
        heldPosts = []
        end()
        guard hasBegun, connection.state == .ready, !connection.isIdle else { return }
        if hasOpenSegment {
            hasOpenSegment = false
            connection.endSegment(SegmentEnd())
        }
        do throws(PostgresError) {
            _ = try await connection.query(.rollback, [])
        } catch {
            // The connection's state is unknown: it must not reach the next caller, and the server rolls back.
            connection.close(error)
        }
    }
}
