import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// What a queue that uses none of the features pays for them: no command.
struct PlainCostTests {
    init() { Loop.startThread() }

    @Loop private func commands(_ fixture: QueueFixture) async throws -> [String: Int] {
        var counts = try await fixture.commandStats().mapValues(\.calls)
        for name in ["info", "evalsha", "eval", "config|resetstat", "ping"] { counts[name] = nil }
        return counts
    }

    @Loop private func reset(_ fixture: QueueFixture) async throws {
        _ = try await fixture.connection.command(["CONFIG", "RESETSTAT"])
    }

    /// The table of `docs/queue.md`, counted by Redis; the batch's size does not matter.
    @Loop @Test func aBatchOfPlainJobsTakesTheCommandsItAlwaysTook() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        // Whatever another queue of the shard uses is its own business.
        _ = try await fixture.queue.enqueue(
            .test(
                "other", .notifications, priority: .low, lifetime: .seconds(60), unique: UniqueKey("k"), orderKey: "o"))
        for count in [1, 100] {
            // The first round loads the scripts.
            _ = try await fixture.queue.enqueue((0..<count).map { .test("warm-\($0)") })
            _ = try await fixture.queue.complete(try #require(try await fixture.lease()).jobs)
            try await reset(fixture)
            _ = try await fixture.queue.enqueue((0..<count).map { .test("job-\($0)") })
            #expect(try await commands(fixture) == ["time": 1, "hmget": 1, "hset": 1, "rpush": 1, "llen": 1])
            try await reset(fixture)
            let batch = try #require(try await fixture.lease())
            #expect(
                try await commands(fixture) == [
                    "time": 1, "hmget": 2, "zcard": 1, "llen": 3, "lpop": 1, "hset": 2, "zadd": 1,
                ])
            try await reset(fixture)
            _ = try await fixture.queue.complete(batch.jobs)
            #expect(
                try await commands(fixture) == ["time": 1, "hget": 1, "hmget": 1, "hdel": 2, "zrem": 1, "hset": 1])
            try await reset(fixture)
            _ = try await fixture.queue.tick(.webhooks, shard: 0)
            #expect(try await commands(fixture) == ["time": 1, "hmget": 1, "zcard": 1, "llen": 2])
        }
    }
}
