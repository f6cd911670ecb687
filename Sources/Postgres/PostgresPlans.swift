/// What the server may plan for the statements of a connection.
package enum PostgresPlans: Sendable {
    /// What it thinks best.
    case free
    /// Indexes and nested loops wherever there are some, for statements that look rows up by the keys of a batch.
    ///
    /// The server keeps the plan of a prepared statement until the table's statistics change. One that was made while a
    /// table was small reads the whole table, and goes on doing so while the table grows to millions of rows: in a new
    /// installation reads took up to twenty times as long as they have to (measured at 8,000 orders), until autovacuum came by.
    case byKey

    /// Settings of the session.
    var settings: [(String, String)] {
        switch self {
        case .free: []
        // A plan that must scan all the same (no index fits) costs so much in the planner's eyes that it would be compiled.
        case .byKey:
            [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")]
        }
    }
}
