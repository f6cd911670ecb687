import EventLoop

typealias PostgresOutcome = Result<Void, PostgresError>

/// What the server owes an answer to.
///
/// The statements up to a `sync` are one segment: after an error the server skips the rest of it. The caller is told
/// at the `sync`: only then has the server committed what stands outside of a transaction.
enum ExpectedReply {
    case prepare(PreparedStatement)
    /// The rows are dropped where there is no place for them. `prepared` is `nil` for one parsed just for this call.
    case statement(name: String, prepared: PreparedStatement?, place: PostgresRowsPlace?)
    case sync(SegmentEnd)
    /// A simple query, outside pipeline mode.
    case script(SegmentEnd)
}

/// Who is told how a segment ended.
struct SegmentEnd {
    /// Keeps the first failure, and says so when a later one only follows from it.
    var transaction: PostgresTransaction?
    var caller: UnsafeContinuation<PostgresOutcome, Never>?
    /// The segment is the transaction's COMMIT.
    var isCommit = false

    @Loop
    func fail(_ error: PostgresError) {
        let told = transaction?.noteFailure(error, ofCommit: isCommit) ?? error
        caller?.resume(returning: .failure(told))
    }
}
