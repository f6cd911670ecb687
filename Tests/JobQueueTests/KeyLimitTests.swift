import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct KeyLimitTests {
    init() { Loop.startThread() }

    @Loop @Test func noMoreJobsOfAKeyAreOutThanItHasPlaces() async throws {
        let fixture = try await QueueFixture.make()
        let limit = KeyLimit("tenant-1", places: 3)
        _ = try await fixture.queue.enqueue((0..<10).map { .test("job-\($0)", limit: limit) })
        var out = try #require(try await fixture.lease()).jobs
        #expect(out.map(\.id) == ["job-0", "job-1", "job-2"])
        #expect(try await fixture.lease() == nil)
        // One that fails keeps its place; one that is done gives it to the next.
        _ = try await fixture.queue.retry(out[1], after: .seconds(60), error: "x")
        #expect(try await fixture.lease() == nil)
        _ = try await fixture.queue.complete([out[0], out[2]])
        out = try #require(try await fixture.lease()).jobs
        #expect(out.map(\.id) == ["job-3", "job-4"])
        _ = try await fixture.queue.complete([out[0]])
        _ = try await fixture.queue.bury(out[1], reason: "no")
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["job-5", "job-6"])
    }

    /// Fairness: a tenant with 1,000 jobs before it delays another one's by its places, not by its backlog.
    @Loop @Test("known failure 15: a backlog of one key delays no other")
    func aBacklogDelaysNoOtherKey() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue((0..<1000).map { .test("a-\($0)", limit: KeyLimit("a", places: 4)) })
        _ = try await fixture.queue.enqueue((0..<100).map { .test("b-\($0)", limit: KeyLimit("b", places: 2)) })
        var taken: [String: Int] = [:]
        while taken["b", default: 0] < 100 {
            let batch = try #require(try await fixture.lease(max: 6))
            for job in batch.jobs { taken[job.orderKey ?? "", default: 0] += 1 }
            _ = try await fixture.queue.complete(batch.jobs)
        }
        // By their places: two of a for one of b.
        #expect((180...220).contains(taken["a"] ?? 0))
    }

    @Loop @Test func aRateSpreadsTheStartsOfAKeyAndOthersGoOn() async throws {
        let fixture = try await QueueFixture.make()
        let limit = KeyLimit("endpoint", places: 10, rate: .init(1, per: .seconds(60), burst: 3))
        _ = try await fixture.queue.enqueue((0..<6).map { .test("job-\($0)", limit: limit) } + [.test("free")])
        let stats = try await fixture.queue.stats(.webhooks).sum
        #expect(stats.ready == 4 && stats.scheduled == 3 && stats.heldBack == 0)
        let scores = try await fixture.strings("ZRANGE", fixture.key("scheduled"), 0, -1, "WITHSCORES")
        let due = stride(from: 1, to: scores.count, by: 2).compactMap { Int64(scores[$0]) }
        #expect(due.count == 3 && due[1] - due[0] == 60_000 && due[2] - due[1] == 60_000)
        let first = try #require(try await fixture.lease())
        #expect(first.jobs.map(\.id) == ["free", "job-0", "job-1", "job-2"])
    }

    @Loop @Test func ratesThatBindNobodyAreForgotten() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(40) }
        let limit = KeyLimit("k", places: 2, rate: .init(1000, per: .seconds(1)))
        _ = try await fixture.queue.enqueue((0..<4).map { .test("job-\($0)", limit: limit) })
        #expect(try await fixture.integer("ZCARD", fixture.key("rates")) == 1)
        try await eventually {
            if let batch = try await fixture.lease() { _ = try await fixture.queue.complete(batch.jobs) }
            return try await fixture.integer("ZCARD", fixture.key("rates")) == 0
        }
    }

    @Loop @Test func aCheckKnowsAllPlacesOfAKey() async throws {
        let fixture = try await QueueFixture.make()
        let limit = KeyLimit("k", places: 3)
        _ = try await fixture.queue.enqueue((0..<6).map { .test("job-\($0)", limit: limit) })
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
        _ = try await fixture.connection.command(["HDEL", fixture.key("jobs"), "job-1"])
        #expect(try await fixture.queue.check(.webhooks, repair: true).findings.map(\.kind) == [.headWithoutJob])
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
        #expect(try await fixture.queue.stats(.webhooks).sum.heldBack == 2)
    }

    @Test func aLimitIsChecked() {
        func problem(_ limit: KeyLimit, orderKey: String? = nil) -> String? {
            NewJob.test("a", orderKey: orderKey, limit: limit).problem(payloadBytesMax: 100)
        }
        #expect(problem(KeyLimit("k", places: 64)) == nil)
        #expect(problem(KeyLimit("k", places: 1, rate: .init(1, per: .seconds(3600), burst: 10_000))) == nil)
        #expect(problem(KeyLimit("k", places: 1), orderKey: "k") != nil)
        for limit in [
            KeyLimit("", places: 1), KeyLimit("a b", places: 1), KeyLimit("k", places: 0), KeyLimit("k", places: 65),
            KeyLimit("k", places: 1, rate: .init(0, per: .seconds(1))),
            KeyLimit("k", places: 1, rate: .init(1, per: .seconds(3601))),
            KeyLimit("k", places: 1, rate: .init(1_000_000, per: .milliseconds(1))),
            KeyLimit("k", places: 1, rate: .init(1, per: .seconds(1), burst: 0)),
        ] { #expect(problem(limit) != nil, "\(limit)") }
    }
}
