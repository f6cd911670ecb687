import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct RetentionTests {
    init() { Loop.startThread() }

    @Loop private func fixture(age: Duration, count: Int) async throws -> QueueFixture {
        try await QueueFixture.make { $0.keptCompleted = [.webhooks: CompletedRetention(age: age, count: count)] }
    }

    @Loop private func work(_ fixture: QueueFixture, _ jobs: [NewJob]) async throws {
        _ = try await fixture.queue.enqueue(jobs)
        let batch = try #require(try await fixture.lease(max: jobs.count))
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
    }

    @Loop @Test func aCompletedJobStaysWithPayloadAndHistory() async throws {
        let fixture = try await fixture(age: .seconds(60), count: 100)
        _ = try await fixture.queue.enqueue([.test("a"), .test("b")])
        var jobs = try #require(try await fixture.lease()).jobs
        _ = try await fixture.queue.retry(jobs[0], after: .zero, error: "once")
        jobs = [jobs[1]] + (try #require(try await fixture.lease())).jobs
        _ = try await fixture.queue.complete(jobs)
        let found = try #require(try await fixture.queue.find("a", in: .webhooks))
        #expect(found.state == .completed && found.failures.map(\.message) == ["once"])
        #expect(found.payload == Array("payload".utf8) && found.completedAt != nil)
        #expect(try await fixture.queue.enqueue(.test("a")) == .exists(state: .completed))
        #expect(try await fixture.queue.enqueue(.test("a", payload: "other")) == .conflict(state: .completed))
        #expect(try await fixture.queue.cancel("a", in: .webhooks) == .ended(.completed))
        let stats = try await fixture.queue.stats(.webhooks).sum
        #expect(stats.kept == 2 && stats.leased == 0 && stats.completedTotal == 2)
        // Another queue keeps nothing.
        _ = try await fixture.queue.enqueue(.test("c", .notifications))
        _ = try await fixture.queue.complete(try #require(try await fixture.lease(.notifications)).jobs)
        #expect(try await fixture.queue.find("c", in: .notifications) == nil)
    }

    @Loop @Test func theOldestGoWhenThereAreTooMany() async throws {
        let fixture = try await fixture(age: .seconds(60), count: 10)
        for start in stride(from: 0, to: 60, by: 6) {
            try await work(fixture, (start..<start + 6).map { .test("job-\($0)") })
        }
        #expect(try await fixture.queue.stats(.webhooks).sum.kept == 10)
        #expect(try await fixture.integer("HLEN", fixture.key("jobs")) == 10)
        #expect(try await fixture.queue.find("job-59", in: .webhooks)?.state == .completed)
        #expect(try await fixture.queue.find("job-49", in: .webhooks) == nil)
    }

    @Loop @Test func ageTakesThemThoughNobodyCompletesAnother() async throws {
        let fixture = try await fixture(age: .seconds(1), count: 1000)
        try await work(fixture, NewJob.tests(300))
        let check = try #require(try await fixture.queue.tick(.webhooks, shard: 0).nextCheck)
        #expect(check <= .seconds(1))
        try await fixture.tickUntil { $0.nextCheck == nil }
        #expect(try await fixture.queue.stats(.webhooks).sum.kept == 0)
        for suffix in ["jobs", "kept"] {
            #expect(try await fixture.integer("EXISTS", fixture.key(suffix)) == 0, "\(suffix)")
        }
    }

    @Loop @Test func aKeptJobHasNoUniqueKeyAndHoldsNobodyBack() async throws {
        let fixture = try await fixture(age: .seconds(60), count: 10)
        let first = NewJob.test("a", unique: UniqueKey("k"), orderKey: "o")
        try await work(fixture, [first])
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .completed)
        #expect(try await fixture.queue.enqueue(.test("b", unique: UniqueKey("k"), orderKey: "o")) == .added)
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["b"])
    }

    @Test func aRetentionIsChecked() {
        var configuration = JobQueueConfiguration()
        configuration.keptCompleted = [.clicks: CompletedRetention(age: .zero, count: 1)]
        #expect(configuration.problems().count == 1)
        configuration.keptCompleted = [.clicks: CompletedRetention(age: .seconds(60), count: 100)]
        #expect(configuration.problems().isEmpty && configuration.keptMaxOfShard(.clicks) == 7)
        #expect(configuration.keptMaxOfShard(.webhooks) == 0)
    }
}
