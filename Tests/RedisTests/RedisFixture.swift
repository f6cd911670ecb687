import Core
import EventLoop
import Redis
import TestSupport

/// What the wire tests share.
@Loop
enum RedisFixture {
    static func configuration(
        port: Int, _ change: (inout RedisConfiguration) -> Void = { _ in }
    ) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(port: port)
        configuration.reconnectWaitMax = .milliseconds(100)
        change(&configuration)
        return configuration
    }

    /// A server of the test's own that asks for a password.
    static func server(password: String) async throws -> PrivateRedis {
        let server = try await PrivateRedis.start()
        let redis = try await connect(port: server.port)
        _ = try await redis.command(["CONFIG", "SET", "requirepass", .string(password)])
        redis.close()
        return server
    }

    /// A started connection that is ready.
    static func connect(
        port: Int, purpose: String = "test", _ change: (inout RedisConfiguration) -> Void = { _ in }
    ) async throws -> RedisConnection {
        let connection = RedisConnection(try configuration(port: port, change), purpose: purpose)
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
        return connection
    }
}

/// The error that `body` ends with; nil when it ends well.
@Loop
func redisError(_ body: @Loop () async throws(RedisError) -> Void) async -> RedisError? {
    do throws(RedisError) {
        try await body()
        return nil
    } catch {
        return error
    }
}
