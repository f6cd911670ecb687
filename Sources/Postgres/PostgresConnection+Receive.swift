import CPostgres
import EventLoop

extension PostgresConnection {
    /// Takes every answer that has arrived in full, and tells those who wait for one.
    func receive() {
        while state == .ready, let handle, let reply = expected.first, PQisBusy(handle) == 0 {
            if let result = PQgetResult(handle) { take(result, for: reply) } else { endOfResults(of: reply, handle) }
        }
        // Notices and changed settings come unasked; only this call makes libpq take them out of its buffer.
        if state == .ready, expected.isEmpty, let handle { _ = PQisBusy(handle) }
    }

    private func take(_ result: OpaquePointer, for reply: ExpectedReply) {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            if case .statement(_, _, let place?) = reply {
                place.rows = PostgresRows(result)
            } else {
                PQclear(result)
            }
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            guard case .sync(let end) = reply else { return closeConfused() }
            finish(end)
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            forget(reply)
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            close(PostgresError(.connectionLost, "COPY is not spoken here; the connection was closed"))
        default:
            let error = PostgresError(result, statement: reply.statementName)
            PQclear(result)
            // FATAL: the server's last words. What was asked after this has not happened either.
            guard error.kind == .sql else { return close(error.sqlState == nil ? lastWords ?? error : error) }
            if error.isStalePlan || reply.isPreparation { forget(reply) }
            if segment.error == nil { segment.error = error }
        }
    }

    /// libpq's mark that a statement has no more results.
    private func endOfResults(of reply: ExpectedReply, _ handle: OpaquePointer) {
        switch reply {
        case .prepare, .statement: _ = expected.popFirst()
        case .sync:
            // After an error at the commit that a sync is, the sync's own result still comes; else libpq has nothing
            // left to wait for where we wait.
            if PQtransactionStatus(handle) != PQTRANS_ACTIVE { closeConfused() }
        case .script(let end):
            guard PQenterPipelineMode(handle) == 1 else { return closeConfused() }
            finish(end)
        }
    }

    private func finish(_ end: SegmentEnd) {
        _ = expected.popFirst()
        segmentsOwed -= 1
        let ended = segment
        segment = Segment()
        if let error = ended.error { end.fail(error) } else { end.caller?.resume(returning: .success(())) }
    }

    /// The server does not have this prepared statement: it refused or skipped it, or dropped its plan.
    private func forget(_ reply: ExpectedReply) {
        switch reply {
        case .prepare(let statement): prepared.remove(statement)
        case .statement(_, let statement?, _) where segment.error == nil: prepared.remove(statement)
        default: break
        }
    }

    private func closeConfused() {
        close(PostgresError(.connectionLost, "answers do not match what was asked; the connection was closed"))
    }
}

extension ExpectedReply {
    fileprivate var isPreparation: Bool { if case .prepare = self { true } else { false } }

    fileprivate var statementName: String? {
        switch self {
        case .prepare(let prepared): prepared.statement.name
        case .statement(let name, _, _): name
        case .sync, .script: nil
        }
    }
}
