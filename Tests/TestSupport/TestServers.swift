/// Servers that all tests of a process share; each is started when it is first asked for and ends with the process.
///
/// Tests keep apart by ``uniqueName(_:)`` as key prefix or schema. A test that pauses or kills a server starts its own.
package enum TestServers {
    /// `appendfsync no`.
    package static var redis: PrivateRedis {
        get async throws { try await sharedRedis.value }
    }

    /// fsync and synchronous commit are on.
    package static var postgres: PrivatePostgres {
        get async throws { try await sharedPostgres.value }
    }

    private static let sharedRedis = Task { try await PrivateRedis.start() }
    private static let sharedPostgres = Task { try await PrivatePostgres.start() }
}
