/// What happened to one of a pool's connections.
package enum PostgresPoolEvent: Sendable {
    case connected
    case connectFailed(PostgresError)
    case lost(PostgresError)
}

/// Counts since the pool was made; they only grow.
package struct PostgresPoolStatistics: Hashable, Sendable {
    package var connects = 0
    package var failedConnects = 0
    /// Connections that were ready and then lost, by whoever's fault.
    package var losses = 0
    /// Callers who got no connection in time.
    package var refusedWaiters = 0
    package var repeatedTransactions = 0
}
