package import EventLoop

/// The rows that a statement asked by ``PostgresTransaction/ask(_:_:)`` will have.
///
/// Whoever waits for the first of several sends them all, and they come with one round trip.
@Loop
package struct PostgresAnswer {
    let transaction: PostgresTransaction
    let place: PostgresRowsPlace

    /// The rows, after all that was asked and posted so far has been answered.
    ///
    /// Throws the first failure of the transaction, be it this statement's or another's.
    package func rows() async throws(PostgresError) -> PostgresRows {
        if transaction.failure == nil, let rows = place.rows { return rows }
        return try await transaction.collect(place)
    }
}

/// Where the rows of a statement are put when they arrive.
@Loop
final class PostgresRowsPlace {
    var rows: PostgresRows?
}
