import Core
import EventLoop
import Glibc
import Redis
import TestSupport
import Testing

/// What happens between connecting and the first command of a user.
@Suite struct RedisPreparationTests {
    init() { Loop.startThread() }

    @Loop @Test func itAuthenticatesSelectsNamesItselfAndLearnsTheRunID() async throws {
        let server = try await RedisFixture.server(password: "open sesame")
        let redis = try await RedisFixture.connect(port: server.port, purpose: "lease wake") {
            $0.password = "open sesame"
            $0.database = 5
        }
        #expect(try await redis.command(["CLIENT", "GETNAME"]).string == "tributary:lease-wake")
        let info = try await redis.command(["CLIENT", "INFO"]).string ?? ""
        #expect(info.contains(" db=5 "))
        let runID = try #require(redis.serverRunID)
        #expect(runID.utf8.count == 40)
        #expect(try await redis.command(["INFO", "server"]).string?.contains("run_id:\(runID)\r\n") == true)
        redis.close()
        server.stop()
    }

    @Loop @Test func aWrongPasswordIsSaidAndNothingIsServed() async throws {
        let server = try await RedisFixture.server(password: "right")
        for password in ["wrong", nil] {
            let redis = RedisConnection(
                try RedisFixture.configuration(port: server.port) { $0.password = password }, purpose: "test")
            redis.start()
            try await eventually { redis.lastFailure?.kind == .authentication }
            let error = await redisError { () throws(RedisError) in
                try await redis.waitUntilReady(within: .milliseconds(1))
            }
            #expect(error == redis.lastFailure)
            #expect(error?.description.contains("right") == false)
            #expect(!redis.isReady && redis.readyCount == 0)
            redis.close()
        }
        server.stop()
    }

    @Loop @Test func aUnixSocketServesToo() async throws {
        let path = "/tmp/\(uniqueName("redis")).sock"
        let server = try await PrivateRedis.start(options: ["--unixsocket", path])
        let redis = RedisConnection(try RedisConfiguration(socketPath: path), purpose: "test")
        redis.start()
        try await redis.waitUntilReady(within: .seconds(5))
        #expect(try await redis.command(["ECHO", "hello"]).string == "hello")
        redis.close()
        server.stop()
        unlink(path)
    }

    @Loop @Test func ipv6Serves() async throws {
        let server = try await PrivateRedis.start(options: ["--bind", "127.0.0.1", "::1"])
        let redis = RedisConnection(try RedisConfiguration(host: "::1", port: server.port), purpose: "test")
        redis.start()
        try await redis.waitUntilReady(within: .seconds(5))
        #expect(try await redis.command(["PING"]) == .status("PONG"))
        redis.close()
        server.stop()
    }

    @Loop @Test func aServerThatIsFullIsTriedAgainUntilItHasRoom() async throws {
        let server = try await PrivateRedis.start(options: ["--maxclients", "1"])
        let first = try await RedisFixture.connect(port: server.port)
        let second = RedisConnection(try RedisFixture.configuration(port: server.port), purpose: "second")
        second.start()
        let error = await redisError { () throws(RedisError) in
            try await second.waitUntilReady(within: .milliseconds(100))
        }
        #expect(error?.isUnreachableStore == true || error?.kind == .other)
        first.close()
        try await second.waitUntilReady(within: .seconds(10))
        second.close()
        server.stop()
    }

    @Loop @Test func aRestartedServerHasAnotherRunIDBeforeAnythingIsServed() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port)
        var changes: [Bool] = []
        var runIDWhenReady: String?
        redis.onReadyChange = { [unowned redis] isReady in
            changes.append(isReady)
            if isReady { runIDWhenReady = redis.serverRunID }
        }
        let before = redis.serverRunID
        _ = try await redis.command(["SET", "kept", 1])
        server.kill()
        try await eventually { !redis.isReady }
        #expect(redis.serverRunID == before)
        try await server.restart()
        try await redis.waitUntilReady(within: .seconds(10))
        #expect(runIDWhenReady != nil && runIDWhenReady != before)
        #expect(changes == [false, true])
        #expect(redis.lastFailure == nil)
        #expect(try await redis.command(["GET", "kept"]).integer == 1)
        redis.close()
        server.stop()
    }
}
