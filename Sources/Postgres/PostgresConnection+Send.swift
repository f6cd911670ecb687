import CPostgres
import EventLoop

extension PostgresConnection {
    /// Puts a statement into the open segment, after its preparation if the connection does not know it yet. Nothing
    /// has to leave before ``endSegment(_:)``.
    ///
    /// Throws what closed the connection, or what is wrong with the values; nothing of the statement was sent then.
    func append(
        _ statement: PostgresStatement, _ values: [PostgresValue], into place: PostgresRowsPlace? = nil
    ) throws(PostgresError) {
        do throws(PostgresError) {
            try parameters.encode(values)
        } catch {
            var named = error
            named.statement = statement.name
            throw named
        }
        let handle = try openHandle()
        let prepared = try prepare(statement, handle)
        let isSent =
            if let prepared {
                PQsendQueryPrepared(
                    handle, prepared.serverName, parameters.count, parameters.pointers, parameters.lengths,
                    parameters.formats, 1)
            } else {
                PQsendQueryParams(
                    handle, statement.sql, parameters.count, parameters.types, parameters.pointers, parameters.lengths,
                    parameters.formats, 1)
            }
        try check(isSent)
        expected.append(.statement(name: statement.name, prepared: prepared, place: place))
    }

    /// Ends the open segment and sends what there is; `end` is told when the server has answered all of it.
    func endSegment(_ end: SegmentEnd) {
        guard let handle, state == .ready else {
            end.fail(closeReason ?? Self.notReady)
            return
        }
        expectSegment(.sync(end))
        guard PQpipelineSync(handle) == 1 else {
            close(PostgresError(.connectionLost, of: handle))
            return
        }
        flush()
    }

    /// One statement outside of a transaction, in a segment of its own: one round trip.
    func query(_ statement: PostgresStatement, _ values: [PostgresValue]) async throws(PostgresError) -> PostgresRows {
        let place = PostgresRowsPlace()
        try append(statement, values, into: place)
        let outcome = await withUnsafeContinuation { (caller: UnsafeContinuation<PostgresOutcome, Never>) in
            endSegment(SegmentEnd(caller: caller))
        }
        try outcome.get()
        guard let rows = place.rows else { preconditionFailure("a statement that was answered has rows") }
        return rows
    }

    /// Runs statements separated by semicolons by the simple protocol: they take no parameters and answer nothing.
    ///
    /// Nothing else may be owed. Throws the first error, at which the server stops.
    func runScript(_ sql: String) async throws(PostgresError) {
        precondition(expected.isEmpty, "a script needs the connection for itself")
        let handle = try openHandle()
        try check(PQexitPipelineMode(handle))
        try check(PQsendQuery(handle, sql))
        let outcome = await withUnsafeContinuation { (caller: UnsafeContinuation<PostgresOutcome, Never>) in
            expectSegment(.script(SegmentEnd(caller: caller)))
            flush()
        }
        try outcome.get()
    }

    private static var notReady: PostgresError { PostgresError(.notConnected, "the connection is not ready") }

    private func expectSegment(_ reply: ExpectedReply) {
        // The patrol's silence begins now, not when the connection last had something to do.
        if segmentsOwed == 0 { hasProgressed = true }
        segmentsOwed += 1
        expected.append(reply)
    }

    private func openHandle() throws(PostgresError) -> OpaquePointer {
        guard let handle, state == .ready else {
            throw closeReason ?? Self.notReady
        }
        return handle
    }

    private func prepare(
        _ statement: PostgresStatement, _ handle: OpaquePointer
    ) throws(PostgresError) -> PreparedStatement? {
        if let known = prepared.find(statement, parameters.types) { return known }
        guard let new = prepared.add(statement, parameters.types) else { return nil }
        try check(PQsendPrepare(handle, new.serverName, statement.sql, parameters.count, new.types))
        expected.append(.prepare(new))
        return new
    }

    /// libpq refuses to send only on a broken connection or out of memory; what it has taken by then is unknown.
    private func check(_ isDone: Int32) throws(PostgresError) {
        guard isDone != 1 else { return }
        let reason = handle.map { PostgresError(.connectionLost, of: $0) }
        let error = reason ?? closeReason ?? PostgresError(.connectionLost, "the connection is closed")
        close(error)
        throw error
    }
}
