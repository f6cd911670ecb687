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
    /// What waits for the test hook, which a call that cannot wait may not await.
    private var held: [(statement: PostgresStatement, values: [PostgresValue], place: PostgresRowsPlace?)] = []

    init(_ connection: PostgresConnection) {
        self.connection = connection
        beforeStatement = connection.configuration.beforeStatement
    }

    /// Sends a statement together with all that was posted and asked, and waits for its rows: one round trip.
    ///
    /// Throws the first failure of the transaction, be it this statement's or that of one before it.
    package func execute(
        _ statement: PostgresStatement, _ values: [PostgresValue] = []
    ) async throws(PostgresError) -> PostgresRows {
        try await ask(statement, values).rows()
    }

    /// Asks for rows that are waited for later: what is asked together is one round trip.
    ///
    /// The server works off what it was sent in order, each statement with a snapshot of its own: one that was asked after
    /// a lock sees what was committed by the time the lock was granted, as if it had been sent then.
    package func ask(_ statement: PostgresStatement, _ values: [PostgresValue] = []) -> PostgresAnswer {
        let place = PostgresRowsPlace()
        append(statement, values, into: place)
        return PostgresAnswer(transaction: self, place: place)
    }

    /// Sends a statement with the next one whose rows are waited for, or the commit, which throws its error; its rows are
    /// dropped.
    package func post(_ statement: PostgresStatement, _ values: [PostgresValue] = []) {
        append(statement, values, into: nil)
    }

    private func append(_ statement: PostgresStatement, _ values: [PostgresValue], into place: PostgresRowsPlace?) {
        if beforeStatement != nil {
            held.append((statement, values, place))
            return
        }
        appendNow(statement, values, into: place)
    }

    private func appendNow(_ statement: PostgresStatement, _ values: [PostgresValue], into place: PostgresRowsPlace?) {
        do throws(PostgresError) {
            try send(statement, values, into: place)
        } catch {
            // `send` has kept it as the transaction's failure, which the next call that waits throws.
        }
    }

    private func releaseHeld() async {
        while !held.isEmpty {
            let (statement, values, place) = held.removeFirst()
            await beforeStatement?(statement)
            appendNow(statement, values, into: place)
        }
    }

    /// Waits for what is to arrive at `place`, and with it for everything before it.
    func collect(_ place: PostgresRowsPlace) async throws(PostgresError) -> PostgresRows {
        await releaseHeld()
        if let failure { throw failure }
        // Where another call has sent it already, this segment is empty; it ends after that one all the same.
        if place.rows == nil { try await endSegment() }
        guard let rows = place.rows else { preconditionFailure("a statement that was answered has rows") }
        return rows
    }

    private func send(
        _ statement: PostgresStatement, _ values: [PostgresValue], into place: PostgresRowsPlace?
    ) throws(PostgresError) {
        precondition(!isOver, "the transaction is used after its body has ended")
        if let failure { throw failure }
        do throws(PostgresError) {
            if !hasBegun {
                try connection.append(.begin, [])
                hasBegun = true
                connection.configuration.onTransaction?(1)
            }
            hasOpenSegment = true
            try connection.append(statement, values, into: place)
        } catch {
            throw noteFailure(error)
        }
    }

    private func endSegment(isCommit: Bool = false) async throws(PostgresError) {
        hasOpenSegment = false
        let outcome = await withUnsafeContinuation { (caller: UnsafeContinuation<PostgresOutcome, Never>) in
            connection.endSegment(SegmentEnd(transaction: self, caller: caller, isCommit: isCommit))
        }
        try outcome.get()
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
            await releaseHeld()
            await beforeStatement?(.commit)
        }
        if let failure { throw failure }
        guard hasBegun else { return }
        if hasOpenSegment {
            hasOpenSegment = false
            connection.endSegment(SegmentEnd(transaction: self))
        }
        let place = PostgresRowsPlace()
        try send(.commit, [], into: place)
        commitIsSent = true
        try await endSegment(isCommit: true)
        guard place.rows?.commandTag != "ROLLBACK" else {
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
        held = []
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
