import Core
import EventLoop
import Redis
import TestSupport
import Testing

/// Servers that die or stand still, and networks that go silent.
@Suite struct RedisFailureTests {
    init() { Loop.startThread() }

    /// Every command is answered exactly once whatever happens: the tasks that wait would never end otherwise, and a
    /// checked continuation traps when it is resumed twice.
    @Loop @Test func aServerKilledUnderLoadAnswersEveryCommandOnce() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port)
        var confirmed: Int64 = 0
        var outcomes: [RedisError.Kind: Int] = [:]
        var sent = 0
        var answered = 0
        var isOver = false
        let clients = (0..<64).map { number in
            Task { @Loop in
                while !isOver {
                    sent += 1
                    if number % 2 == 0 {
                        do throws(RedisError) {
                            _ = try await redis.command(["INCR", "count"])
                            confirmed += 1
                        } catch {
                            outcomes[error.kind, default: 0] += 1
                        }
                    } else {
                        let result = await withCheckedContinuation { continuation in
                            redis.send(["INCR", "count"]) { continuation.resume(returning: $0) }
                        }
                        switch result {
                        case .success: confirmed += 1
                        case .failure(let error): outcomes[error.kind, default: 0] += 1
                        }
                    }
                    answered += 1
                    if !redis.isReady { try? await redis.waitUntilReady(within: .seconds(10)) }
                }
            }
        }
        for round in 1...4 {
            let goal = confirmed + 2000
            try await eventually { confirmed >= goal }
            server.kill()
            try await server.restart()
            try await redis.waitUntilReady(within: .seconds(10))
            #expect(redis.readyCount == round + 1)
        }
        isOver = true
        for client in clients { await client.value }
        #expect(sent == answered && redis.inFlightCount == 0)
        #expect(Set(outcomes.keys).isSubset(of: [.connectionLost, .notConnected]))
        let counted = try #require(try await redis.command(["GET", "count"]).integer)
        #expect(counted >= confirmed)
        #expect(counted <= confirmed + Int64(outcomes[.connectionLost, default: 0]), "only these may have happened")
        redis.close()
        server.stop()
    }

    @Loop @Test func aServerThatStandsStillIsNoticedAndTheConnectionReplaced() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port) {
            $0.replyTimeout = .milliseconds(150)
            $0.connectTimeout = .milliseconds(200)
        }
        server.pause()
        let start = Loop.monotonicMilliseconds
        var kinds: [RedisError.Kind] = []
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for number in 1...3 {
                redis.send(["INCR", "n"]) { result in
                    if case .failure(let error) = result { kinds.append(error.kind) }
                    if number == 3 { done.resume() }
                }
            }
        }
        #expect(kinds == [.timeout, .connectionLost, .connectionLost])
        #expect(Loop.monotonicMilliseconds - start >= 150)
        #expect(!redis.isReady)
        // The kernel takes connections for a stopped server; only the first commands' deadline shows that it is dead.
        try await eventually { redis.lastFailure?.message.contains("not connected within") == true }
        server.resume()
        try await redis.waitUntilReady(within: .seconds(10))
        #expect(try await redis.command(["PING"]) == .status("PONG"))
        redis.close()
        server.stop()
    }

    @Loop @Test(arguments: [TestProxy.Behaviour.hold, .drop])
    func aSilentNetworkIsNoticedByAPingWhenNothingElseIsSent(behaviour: TestProxy.Behaviour) async throws {
        let proxy = try TestProxy(to: try await TestServers.redis.port)
        let redis = try await RedisFixture.connect(port: proxy.port) {
            $0.replyTimeout = .milliseconds(100)
            $0.idlePing = .milliseconds(100)
            $0.connectTimeout = .milliseconds(300)
        }
        proxy.towardsServer = behaviour
        proxy.towardsClient = behaviour
        try await eventually { !redis.isReady }
        #expect(redis.lastFailure?.kind == .timeout)
        proxy.towardsServer = .forward
        proxy.towardsClient = .forward
        try await redis.waitUntilReady(within: .seconds(10))
        #expect(try await redis.command(["PING"]) == .status("PONG"))
        redis.close()
        proxy.close()
    }

    @Loop @Test func anIdleConnectionStaysWhenItsPingsAreAnswered() async throws {
        let proxy = try TestProxy(to: try await TestServers.redis.port)
        let redis = try await RedisFixture.connect(port: proxy.port) { $0.idlePing = .milliseconds(10) }
        let acceptedCount = proxy.acceptedCount
        let before = proxy.bytesPassed[.towardsServer, default: 0]
        try await eventually { proxy.bytesPassed[.towardsServer, default: 0] >= before + 10 * 14 }
        #expect(redis.readyCount == 1 && proxy.acceptedCount == acceptedCount)
        redis.close()
        proxy.close()
    }

    @Loop @Test func aReplyCutInHalfFailsItsCommandAsPerhapsDone() async throws {
        let proxy = try TestProxy(to: try await TestServers.redis.port)
        let redis = try await RedisFixture.connect(port: proxy.port)
        let key = uniqueName("cut")
        proxy.cut(.towardsClient, afterBytes: 50)
        let error = await redisError { () throws(RedisError) in
            _ = try await redis.command(["SET", .string(key), .bytes([UInt8](repeating: 65, count: 1000))])
            _ = try await redis.command(["GET", .string(key)])
        }
        #expect(error?.kind == .connectionLost)
        try await redis.waitUntilReady(within: .seconds(10))
        #expect(try await redis.command(["STRLEN", .string(key)]).integer == 1000)
        redis.close()
        proxy.close()
    }

    @Loop @Test func whatTheSocketNeverTookWasSurelyNotSent() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port)
        server.pause()
        var kinds: [RedisError.Kind] = []
        let megabyte = RedisArgument.bytes([UInt8](repeating: 65, count: 1 << 20))
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for number in 1...30 {
                redis.send(["RPUSH", "list", megabyte]) { result in
                    if case .failure(let error) = result { kinds.append(error.kind) }
                    if number == 30 { done.resume() }
                }
            }
            // After the turn's write, of which the kernel's buffers take a part.
            _ = LoopTimer(after: .milliseconds(20)) { server.kill() }
        }
        #expect(kinds.first == .connectionLost && kinds.last == .notConnected)
        let lost = kinds.filter { $0 == .connectionLost }.count
        #expect(
            kinds == Array(repeating: .connectionLost, count: lost) + Array(repeating: .notConnected, count: 30 - lost))
        try await server.restart()
        try await redis.waitUntilReady(within: .seconds(10))
        #expect(try #require(try await redis.command(["LLEN", "list"]).integer) <= Int64(lost))
        redis.close()
        server.stop()
    }

    @Loop @Test func moreThanTheSocketCanTakeIsRefusedAsABacklog() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port)
        server.pause()
        var kinds: [RedisError.Kind?] = []
        let large = RedisArgument.bytes([UInt8](repeating: 65, count: 20 << 20))
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for _ in 1...4 {
                redis.send(["SET", "large", large]) { result in
                    if case .failure(let error) = result { kinds.append(error.kind) } else { kinds.append(nil) }
                    if kinds.count == 2 { server.resume() }
                    if kinds.count == 4 { done.resume() }
                }
            }
        }
        #expect(kinds == [.backlog, .backlog, nil, nil])
        redis.close()
        server.stop()
    }

    @Loop @Test func aBlockingCommandMayWaitLongerThanOthers() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port) { $0.replyTimeout = .milliseconds(100) }
        let start = Loop.monotonicMilliseconds
        let nothing = try await redis.command(["BLPOP", "wake", "0.4"], replyTimeout: .seconds(5))
        #expect(nothing == .null && Loop.monotonicMilliseconds - start >= 390)
        #expect(redis.readyCount == 1)
        let error = await redisError { () throws(RedisError) in
            _ = try await redis.command(["BLPOP", "wake", 5], replyTimeout: .milliseconds(150))
        }
        #expect(error?.kind == .timeout)
        redis.close()
        server.stop()
    }

    @Loop @Test func closingFailsWhatIsInFlightAndWhoWaits() async throws {
        let redis = try await RedisFixture.connect(port: try await TestServers.redis.port)
        let blocked = Task { @Loop in
            await redisError { () throws(RedisError) in _ = try await redis.command(["BLPOP", "never", 30]) }
        }
        try await eventually { redis.inFlightCount == 1 }
        try await Loop.sleep(for: .milliseconds(1))
        redis.close()
        redis.close()
        #expect(await blocked.value?.kind == .connectionLost)
        let after = await redisError { () throws(RedisError) in _ = try await redis.command(["PING"]) }
        #expect(after?.kind == .notConnected)

        let never = RedisConnection(try RedisFixture.configuration(port: try TestPort.free()), purpose: "test")
        never.start()
        let waiting = Task { @Loop in
            await redisError { () throws(RedisError) in try await never.waitUntilReady(within: .seconds(60)) }
        }
        _ = LoopTimer(after: .milliseconds(5)) { never.close() }
        #expect(await waiting.value?.kind == .notConnected)
    }

    @Loop @Test func aReceiverMayCloseOrDropTheConnection() async throws {
        let port = try await TestServers.redis.port
        for drops in [false, true] {
            var redis: RedisConnection? = try await RedisFixture.connect(port: port)
            weak let observed = redis
            var outcomes: [String] = []
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                for number in 1...3 {
                    redis?.send(["ECHO", "\(number)"]) { result in
                        switch result {
                        case .success(let value): outcomes.append(value.string ?? "?")
                        case .failure(let error): outcomes.append("\(error.kind)")
                        }
                        if number == 1 {
                            if drops { redis = nil } else { redis?.close() }
                        }
                        if number == 3 { done.resume() }
                    }
                }
            }
            #expect(outcomes == ["1", "connectionLost", "connectionLost"] || (drops && outcomes == ["1", "2", "3"]))
            redis = nil
            try await eventually { observed == nil }
        }
    }
}
