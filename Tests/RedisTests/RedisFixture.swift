import Core
import EventLoop
import Glibc
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

    /// The first answer that fulfils `until` to an inline command on a connection of its own, asked again and again for up
    /// to 30 seconds; the event loop stands still meanwhile. Empty when there is none.
    static func blockingly(_ command: String, port: Int, until: (String) -> Bool) -> String {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { Glibc.close(socket) }
        let connected = withLoopbackAddress(port: port) { Glibc.connect(socket, $0, $1) }
        guard connected == 0 else { return "" }
        let line = Array("\(command)\r\n".utf8)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let end = Loop.monotonicMilliseconds + 30_000
        while Loop.monotonicMilliseconds < end, send(socket, line, line.count, Int32(MSG_NOSIGNAL)) == line.count {
            let count = recv(socket, &bytes, bytes.count, 0)
            let answer = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            if count <= 0 || until(answer) { return answer }
        }
        return ""
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
