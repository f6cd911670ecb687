package import Redis

/// How enqueues go that are acknowledged to others: they count when so many replicas have them.
///
/// A `WAIT` holds up what comes after it on its connection. So these carry nothing else, and there are several of them: while
/// one waits for its replicas, the next flush goes out over another.
package struct ReplicatedEnqueues: Sendable {
    package let demand: ReplicaDemand
    /// At least one, taken in turn; whoever made them starts and closes them.
    package let connections: [RedisClient]

    /// As many as a process needs, by measurement on one machine: more bring nothing.
    package static let connectionCount = 4

    /// - Precondition: there is a connection.
    package init(_ demand: ReplicaDemand, connections: [RedisClient]) {
        precondition(!connections.isEmpty, "replicated enqueues need a connection of their own")
        self.demand = demand
        self.connections = connections
    }
}
