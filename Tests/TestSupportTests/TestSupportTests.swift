import EventLoop
import Glibc
import Testing

@testable import TestSupport

struct TestSupportTests {
    init() { Loop.startThread() }

    @Loop @Test func aCommandGivesItsStatusAndBothOutputs() async throws {
        let result = try await runCommand(
            "sh", ["-c", "cat; echo $FLAVOUR >&2; exit 3"], environment: ["FLAVOUR": "plum"], stdin: Array("hi".utf8))
        #expect(result.status == 3)
        #expect(result.stdout == "hi")
        #expect(result.stderr == "plum\n")
    }

    @Loop @Test func aMissingProgramIsAClearFailure() async throws {
        await #expect(throws: TestSupportError.self) { try await runCommand("no-such-program", []) }
    }

    @Test func aFileThatIsNotThereCannotBeWatched() {
        let path = "/tmp/\(uniqueName("nothing"))"
        let error = #expect(throws: TestSupportError.self) { _ = try OwnedDescriptor(growthOf: path) }
        #expect(error?.description.contains("No such file") == true)
    }

    @Loop @Test func whoComesToAGateCancelledLetsNobodyElseThrough() async throws {
        let gate = Gate()
        let cancelled = Task { @Loop in try await gate.waitUnlessCancelled() }
        cancelled.cancel()
        let other = Task { @Loop in
            await gate.wait()
            return gate.isOpen
        }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        try await eventually { gate.arrivals == 1 }
        // Whatever the cancellation has set going runs before this.
        for _ in 0..<3 { await Task { @Loop in }.value }
        gate.open()
        #expect(await other.value)
    }

    @Loop @Test func redisKeepsItsDataOverAKill() async throws {
        let redis = try await PrivateRedis.start(appendfsync: .always)
        defer { redis.stop() }
        #expect(try await ask(redis, "SET", "a", "1") == "OK\n")
        redis.kill()
        try await redis.restart()
        #expect(try await ask(redis, "GET", "a") == "1\n")
    }

    @Loop @Test func aPausedRedisSaysNothingUntilItIsResumed() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        redis.pause()
        await #expect(throws: TestSupportError.self) {
            try await runCommand(
                "redis-cli", ["-p", "\(redis.port)", "PING"], within: .milliseconds(200))
        }
        redis.resume()
        #expect(try await ask(redis, "PING") == "PONG\n")
    }

    @Loop @Test func postgresKeepsItsDataOverAKill() async throws {
        let postgres = try await PrivatePostgres.start()
        defer { postgres.stop() }
        #expect(try await query(postgres, "create table a (b int); insert into a values (7)").status == 0)
        postgres.kill()
        try await postgres.restart()
        #expect(try await query(postgres, "select b from a").stdout == "7\n")
    }

    @Loop @Test func theProxyForwardsCutsAndGoesSilent() async throws {
        let redis = try await TestServers.redis
        let proxy = try TestProxy(to: redis.port)
        defer { proxy.close() }
        proxy.pieceBytesMax = 3
        #expect(try await runCommand("redis-cli", ["-p", "\(proxy.port)", "ECHO", "plum"]).stdout == "plum\n")
        proxy.pieceBytesMax = nil
        proxy.towardsClient = .delay(.milliseconds(20))
        #expect(try await runCommand("redis-cli", ["-p", "\(proxy.port)", "ECHO", "pear"]).stdout == "pear\n")
        proxy.towardsClient = .forward
        proxy.cut(.towardsClient, afterBytes: 2)
        #expect(try await runCommand("redis-cli", ["-p", "\(proxy.port)", "ECHO", "kiwi"]).stdout != "kiwi\n")
        proxy.goSilent()
        await #expect(throws: TestSupportError.self) {
            try await runCommand("redis-cli", ["-p", "\(proxy.port)", "PING"], within: .milliseconds(200))
        }
        proxy.forwardAgain()
        try await eventually { proxy.openConnectionCount == 0 }
    }

    @Loop @Test func aTerminatedProcessSaysHowItEnded() async throws {
        let process = try TestProcess.start("sleep", ["1000"])
        #expect(process.isRunning)
        #expect(try await process.terminate() == .signalled(SIGTERM))
        #expect(!process.isRunning)
    }

    private func ask(_ redis: PrivateRedis, _ command: String...) async throws -> String {
        try await runCommand("redis-cli", ["-p", "\(redis.port)"] + command).stdout
    }

    private func query(_ postgres: PrivatePostgres, _ sql: String) async throws -> CommandResult {
        try await runCommand("psql", ["-Atq", "-d", postgres.url, "-c", sql])
    }
}
