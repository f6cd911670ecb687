import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct QueueLengthTests {
    init() { Loop.startThread() }

    @Loop @Test func producersAreRefusedByNameAtTheLimit() async throws {
        let fixture = try await QueueFixture.make { $0.lengthMax = [.webhooks: 5] }
        let outcomes = try await fixture.queue.enqueue(NewJob.tests(7))
        #expect(outcomes == Array(repeating: .added, count: 5) + [.full, .full])
        #expect(try await fixture.queue.enqueue(.test("job-1")) == .exists(state: .live))
        #expect(try await fixture.queue.enqueue(.test("job-6", delay: .seconds(1))) == .full)
        #expect(try await fixture.queue.enqueue(.test("other", .notifications)) == .added)
        // Those that run count; those that ended do not, nor do dead ones.
        let batch = try #require(try await fixture.lease())
        #expect(try await fixture.queue.enqueue(.test("job-6")) == .full)
        _ = try await fixture.queue.settle([
            (job: batch.jobs[0], verdict: .complete()), (job: batch.jobs[1], verdict: .bury(reason: "no")),
        ])
        #expect(
            try await fixture.queue.enqueue([.test("job-5"), .test("job-6"), .test("x")]) == [.added, .added, .full])
    }

    @Loop @Test func followUpsRetriesAndRedrivesAreNeverRefused() async throws {
        let fixture = try await QueueFixture.make {
            $0.lengthMax = [.webhooks: 2, .notifications: 1]
            $0.shardCount = 2
        }
        let configuration = fixture.configuration
        let keys = (0..<40).map { "key-\($0)" }
        let near = try #require(keys.first { configuration.shard(of: $0) == 0 })
        let far = try #require(keys.first { configuration.shard(of: $0) == 1 })
        #expect(try await fixture.queue.enqueue(.test("a", shardKey: near)) == .added)
        #expect(try await fixture.queue.enqueue(.test("b", shardKey: near)) == .full)
        let batch = try #require(try await fixture.lease())
        let followUps = [near, far].flatMap { key in
            (0..<3).map { NewJob.test("\(key)-\($0)", .notifications, shardKey: key) }
        }
        #expect(
            try await fixture.queue.settle([(job: batch.jobs[0], verdict: .complete(followUps: followUps))])
                == Settlement())
        try await eventually { try await fixture.queue.stats(.notifications).sum.ready == 6 }
        #expect(
            try await fixture.queue.enqueueFollowUps([.test("c", shardKey: near), .test("d", shardKey: near)])
                == [.added, .added])
        let jobs = try #require(try await fixture.lease()).jobs
        _ = try await fixture.queue.retry(jobs[0], after: .zero, error: "x")
        _ = try await fixture.queue.bury(jobs[1], reason: "no")
        #expect(try await fixture.queue.redriveAll(.webhooks, dryRun: false) == 1)
        #expect(try await fixture.queue.stats(.webhooks).sum.ready == 2)
    }

    @Loop @Test func aGuardedJobThatIsRefusedLeavesNoGuard() async throws {
        let fixture = try await QueueFixture.make { $0.lengthMax = [.clicks: 1] }
        func enqueue(_ id: String, _ guardKey: String) async throws -> FirstOutcome {
            try await fixture.queue.enqueue(
                .test(id, .clicks), ifFirstOf: Array(guardKey.utf8), within: .seconds(60))
        }
        #expect(try await enqueue("a", "guard-a") == .enqueued)
        #expect(try await enqueue("b", "guard-b") == .full)
        #expect(try await enqueue("c", "guard-a") == .seen(first: "a"))
        _ = try await fixture.queue.complete(try #require(try await fixture.lease(.clicks)).jobs)
        #expect(try await enqueue("d", "guard-b") == .enqueued)
    }

    @Loop @Test func aReplacementTakesThePlaceOfWhatItReplaces() async throws {
        let fixture = try await QueueFixture.make { $0.lengthMax = [.webhooks: 1] }
        let key = UniqueKey("k", .replace)
        #expect(try await fixture.queue.enqueue(.test("a", unique: key)) == .added)
        #expect(try await fixture.queue.enqueue(.test("b")) == .full)
        #expect(try await fixture.queue.enqueue(.test("c", unique: key)) == .added)
        // A refused one takes no key.
        #expect(try await fixture.queue.enqueue(.test("d", unique: UniqueKey("other"))) == .full)
        #expect(try await fixture.queue.stats(.webhooks).sum.uniqueKeys == 1)
    }

    @Test func aLimitIsCheckedAndSplitOverShards() {
        var configuration = JobQueueConfiguration()
        configuration.lengthMax = [.clicks: 100]
        #expect(configuration.problems().isEmpty && configuration.lengthMaxOfShard(.clicks) == 7)
        #expect(configuration.lengthMaxOfShard(.webhooks) == 0)
        configuration.lengthMax = [.clicks: 0]
        #expect(configuration.problems().count == 1)
    }
}
