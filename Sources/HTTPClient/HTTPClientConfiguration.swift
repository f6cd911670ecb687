/// How an ``HTTPClient`` behaves towards everyone it calls.
package struct HTTPClientConfiguration: Sendable {
    /// Which destinations it may reach.
    package var destinationPolicy: DestinationPolicy
    /// Sent as `User-Agent`.
    package var userAgent = "tributary/1"
    /// Transfers at a time; beyond that ``HTTPClient/perform(_:)`` fails at once. Nothing is ever queued inside libcurl.
    package var transfersMax = 10_000
    /// Connections kept for reuse: when there are more, those in use included, idle ones are closed. As many transfers are
    /// kept.
    package var idleConnectionsMax = 1024
    /// A connection older than this is not used again.
    package var connectionLifetime = Duration.seconds(3600)
    /// A connection idle for longer than this is not used again.
    package var connectionIdleMax = Duration.seconds(90)
    /// Asks the system for a name's addresses, on a thread of the resolver's own. Tests put their own in its place.
    package var lookup: NameLookup = .system
    /// How long a name's addresses are believed. The system call does not tell the record's own time.
    package var nameLifetime = Duration.seconds(30)
    /// How long a name that could not be resolved is not asked for again.
    package var nameFailureLifetime = Duration.seconds(5)

    package init(destinationPolicy: DestinationPolicy) { self.destinationPolicy = destinationPolicy }
}
