import Core
import EventLoop
import Redis
import TestSupport
import Testing

@Suite struct RedisConnectionTests {
    init() { Loop.startThread() }

    @Loop @Test func everyKindOfReplyBecomesItsValue() async throws {
        let redis = try await RedisFixture.connect(port: try await TestServers.redis.port)
        let key = uniqueName("value")
        #expect(try await redis.command(["SET", .string(key), .bytes([0, 13, 10, 255])]) == .status("OK"))
        #expect(try await redis.command(["GET", .string(key)]) == .bytes([0, 13, 10, 255]))
        #expect(try await redis.command(["GET", "\(key).absent"]) == .null)
        #expect(try await redis.command(["INCRBY", "\(key).n", -7]) == .integer(-7))
        #expect(try await redis.command(["GET", "\(key).n"]).integer == -7)
        #expect(try await redis.command(["LRANGE", "\(key).absent", 0, -1]) == .array([]))
        let nested = RedisScript(
            name: "nested", source: "return {1, {'a', {}, false}, redis.status_reply('FINE'), {err='STALE x'}, ''}")
        #expect(
            try await redis.evaluate(nested, keys: [], arguments: [])
                == .array([
                    .integer(1), .array([.bytes([0x61]), .array([]), .null]), .status("FINE"), .error("STALE x"),
                    .bytes([]),
                ]))
        redis.close()
    }

    @Loop @Test func manyArgumentsAndLargeOnesTravelWhole() async throws {
        let redis = try await RedisFixture.connect(port: try await TestServers.redis.port)
        let key = uniqueName("large")
        let large = [UInt8]((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        async let set = redis.command(["SET", .string(key), .bytes(large)])
        async let pushed = redis.command(["RPUSH", "\(key).list"] + (0..<20_000).map { RedisArgument($0) })
        #expect(try await set == .status("OK"))
        #expect(try await pushed == .integer(20_000))
        #expect(try await redis.command(["GET", .string(key)]) == .bytes(large))
        let list = try await redis.command(["LRANGE", "\(key).list", 0, -1])
        #expect(list.array?.compactMap(\.integer) == (0..<20_000).map(Int64.init))
        _ = try await redis.command(["DEL", .string(key), "\(key).list"])
        redis.close()
    }

    @Loop @Test func scriptsAreLoadedBeforeAnythingIsServed() async throws {
        let server = try await PrivateRedis.start()
        defer { server.stop() }
        let redis = try await RedisFixture.connect(port: server.port)
        let scripts = (1...2).map { RedisScript(name: "number", source: "return \($0)") }
        func answers() async throws(RedisError) -> [Int64?] {
            var answers: [Int64?] = []
            for script in scripts {
                answers.append(try await redis.command(["EVALSHA", .string(script.sha1), 0]).integer)
            }
            return answers
        }
        for script in scripts { redis.load([script]) }
        #expect(try await answers() == [1, 2])
        server.kill()
        try await server.restart()
        try await redis.waitUntilReady(within: .seconds(10))
        #expect(try await answers() == [1, 2])
        redis.close()
    }

    @Loop @Test func muchGoesOutBeforeTheEndOfItsTurn() async throws {
        // Its own: nobody may keep it busy while the loop stands still.
        let server = try await PrivateRedis.start()
        defer { server.stop() }
        let redis = try await RedisFixture.connect(port: server.port)
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for _ in 1...2 {
                redis.send(["APPEND", "ahead", .bytes([UInt8](repeating: 0x78, count: 100_000))]) { _ in }
            }
            // The turn does not end before Redis has the first.
            #expect(
                RedisFixture.blockingly("STRLEN ahead", port: server.port, until: { $0 == ":200000\r\n" }) != "")
            redis.send(["PING"]) { _ in done.resume() }
        }
        redis.close()
    }

    @Loop @Test func commandsOfOneTurnAreAnsweredInOrder() async throws {
        let redis = try await RedisFixture.connect(port: try await TestServers.redis.port)
        let key = uniqueName("order")
        var answers: [Int64] = []
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for number in 1...10_000 {
                redis.send(["INCR", .string(key)]) { result in
                    if case .success(.integer(let value)) = result { answers.append(value) }
                    if number == 10_000 { done.resume() }
                }
            }
            #expect(redis.inFlightCount == 10_000)
        }
        #expect(answers == (1...10_000).map(Int64.init))
        redis.close()
    }

    @Loop @Test func commandsOfOneTurnReachRedisInOneRead() async throws {
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port)
        let reads = RedisScript(
            name: "reads", source: "return redis.call('INFO', 'stats'):match('total_reads_processed:(%d+)')")
        let before = try #require(try await redis.evaluate(reads, keys: [], arguments: []).integer)
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for _ in 1..<200 { redis.send(["INCR", "n"]) { _ in } }
            redis.send(["INCR", "n"]) { _ in done.resume() }
        }
        let after = try #require(try await redis.evaluate(reads, keys: [], arguments: []).integer)
        // One for the two hundred, one for the question; the first question was asked twice, by digest and by source.
        #expect(after - before == 2)
        redis.close()
        server.stop()
    }

    @Loop @Test func repliesInPiecesOfOneByteAreWhole() async throws {
        let proxy = try TestProxy(to: try await TestServers.redis.port)
        let redis = try await RedisFixture.connect(port: proxy.port)
        proxy.pieceBytesMax = 1
        let key = uniqueName("pieces")
        _ = try await redis.command(["HSET", .string(key), "a", "1", "b", .bytes([13, 10])])
        #expect(
            try await redis.command(["HGETALL", .string(key)])
                == .array([.bytes([0x61]), .bytes([0x31]), .bytes([0x62]), .bytes([13, 10])]))
        redis.close()
        proxy.close()
    }

    @Loop @Test func anErrorReplyIsThrownAndTheConnectionStays() async throws {
        let redis = try await RedisFixture.connect(port: try await TestServers.redis.port)
        let key = uniqueName("wrong")
        _ = try await redis.command(["SET", .string(key), "text"])
        let error = await redisError { () throws(RedisError) in _ = try await redis.command(["LPUSH", .string(key), 1])
        }
        #expect(error?.kind == .wrongType)
        #expect(error?.isUnreachableStore == false)
        let unknown = await redisError { () throws(RedisError) in _ = try await redis.command(["NOSUCH", "secret"]) }
        #expect(unknown?.kind == .other)
        #expect(unknown?.description.contains("secret") == false)
        #expect(try await redis.command(["GET", .string(key)]).string == "text")
        #expect(redis.readyCount == 1)
        redis.close()
    }

    @Loop @Test func aScriptRedisDoesNotKnowIsRunBySourceAndThenByDigest() async throws {
        // Its own server: SCRIPT FLUSH is felt by all.
        let server = try await PrivateRedis.start()
        let redis = try await RedisFixture.connect(port: server.port)
        let script = RedisScript(name: "sum", source: "return tonumber(ARGV[1]) + redis.call('INCR', KEYS[1])")
        for round in 1...3 {
            let value = try await redis.evaluate(script, keys: ["sum"], arguments: [10])
            #expect(value == .integer(10 + Int64(round)))
            if round == 2 { _ = try await redis.command(["SCRIPT", "FLUSH"]) }
        }
        let sent = await withCheckedContinuation { continuation in
            redis.send(["SCRIPT", "FLUSH"]) { _ in }
            redis.sendScript(script, keys: ["sum"], arguments: [0]) { continuation.resume(returning: $0) }
        }
        #expect(sent == .success(.integer(4)))
        #expect(try await redis.command(["SCRIPT", "EXISTS", .string(script.sha1)]) == .array([.integer(1)]))
        let calls = try await redis.command(["INFO", "commandstats"]).string ?? ""
        #expect(calls.contains("cmdstat_eval:calls=3"))
        redis.close()
        server.stop()
    }

    @Loop @Test func aScriptsOwnErrorCodeIsItsKind() async throws {
        let redis = try await RedisFixture.connect(port: try await TestServers.redis.port)
        let script = RedisScript(name: "stale", source: "return redis.error_reply('STALE lease is over')")
        let error = await redisError { () throws(RedisError) in
            _ = try await redis.evaluate(script, keys: [], arguments: [])
        }
        #expect(error?.kind == .script(code: "STALE"))
        redis.close()
    }

    @Loop @Test func aCommandWithoutConnectionFailsAtOnceAsSurelyNotSent() async throws {
        let redis = RedisConnection(try RedisFixture.configuration(port: try TestPort.free()), purpose: "test")
        redis.start()
        let error = await redisError { () throws(RedisError) in _ = try await redis.command(["PING"]) }
        #expect(error?.kind == .notConnected)
        var wasCalledBeforeReturn = true
        let sent = await withCheckedContinuation { continuation in
            redis.send(["PING"]) { result in
                #expect(!wasCalledBeforeReturn)
                continuation.resume(returning: result)
            }
            wasCalledBeforeReturn = false
        }
        if case .failure(let error) = sent { #expect(!error.mayHaveHappened) } else { Issue.record("it was sent") }
        let late = await redisError { () throws(RedisError) in try await redis.waitUntilReady(within: .milliseconds(50))
        }
        #expect(late?.message.contains("refused") == true)
        redis.close()
    }
}
