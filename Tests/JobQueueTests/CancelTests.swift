import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct CancelTests {
    init() { Loop.startThread() }

    @Loop @Test func aJobThatWaitsIsNeverLeased() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue([
            .test("a", .clicks), .test("b", .clicks), .test("c", .clicks, delay: .seconds(60)),
        ])
        #expect(try await queue.cancel("a", in: .clicks) == .cancelled)
        #expect(try await queue.cancel("c", in: .clicks) == .cancelled)
        #expect(try await queue.cancel("a", in: .clicks) == .ended(.cancelled))
        #expect(try await queue.cancel("ghost", in: .clicks) == .unknown)
        // Its id says so from now on: before its place in the list comes up, and after.
        for _ in 0..<2 {
            for id in ["a", "c"] {
                #expect(try await queue.enqueue(.test(id, .clicks)) == .exists(state: .cancelled))
                #expect(try await queue.find(id, in: .clicks)?.state == .cancelled)
            }
            if let batch = try await fixture.lease(.clicks) {
                #expect(batch.jobs.map(\.id) == ["b"])
                _ = try await queue.complete(batch.jobs)
            }
        }
        #expect(try await queue.cancel("b", in: .clicks) == .ended(.completed))
        #expect(try await queue.stats(.clicks).sum.cancelledTotal == 2)
        #expect(try await fixture.integer("EXISTS", fixture.key("jobs", .clicks)) == 0)
    }

    @Loop @Test func aSuspectAndADeadJob() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        let queue = fixture.queue
        _ = try await queue.enqueue(NewJob.tests(2))
        let batch = try #require(try await fixture.lease())
        try await fixture.abandon(batch)
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        #expect(try await queue.cancel("job-0", in: .webhooks, shardKey: "key") == .cancelled)
        #expect(try await fixture.lease() == nil)
        let next = try #require(try await fixture.lease())
        #expect(next.jobs.map(\.id) == ["job-1"] && next.lease.isAlone)
        _ = try await queue.bury(next.jobs[0], reason: "no")
        #expect(try await queue.cancel("job-1", in: .webhooks) == .ended(.dead))
    }

    @Loop @Test func aWorkerLearnsOfItByItsHeartbeatAndTheJobRunsNoMore() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(300) }
        var asked: [[String]] = []
        fixture.queue.onCancelRequested = { _, ids in asked.append(ids) }
        _ = try await fixture.queue.enqueue(NewJob.tests(4))
        let jobs = try #require(try await fixture.lease()).jobs
        let other = try await fixture.another()
        #expect(try await other.queue.cancel("job-1", in: .webhooks) == .requested)
        #expect(try await other.queue.cancel("job-2", in: .webhooks) == .requested)
        try await eventually { asked.flatMap(\.self).sorted() == ["job-1", "job-2"] }
        let settlement = try await fixture.queue.settle([
            (job: jobs[0], verdict: .complete()), (job: jobs[1], verdict: .retry(after: .zero, error: "cancelled")),
        ])
        #expect(settlement.cancelled == ["job-1"] && settlement.stale.isEmpty && settlement.died.isEmpty)
        // The rest of the lease keeps the other request, and gives its job back: nobody gets it.
        let record = try #require(try await fixture.strings("HVALS", fixture.key("leases")).first)
        #expect(record.hasSuffix("\njob-2 job-3\njob-2"))
        _ = try await fixture.queue.giveBack([jobs[2]])
        #expect(try await fixture.lease(alone: false) == nil)
        #expect(try await fixture.queue.complete([jobs[3]]) == Settlement())
        #expect(try await fixture.integer("EXISTS", fixture.key("jobs")) == 0)
        #expect(fixture.queue.heldJobCount == 0)
    }

    @Loop @Test func aRunThatSucceedsAllTheSameIsCompleted() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(.test("a", .clicks))
        let batch = try #require(try await fixture.lease(.clicks))
        #expect(try await fixture.queue.cancel("a", in: .clicks) == .requested)
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        #expect(try await fixture.queue.find("a", in: .clicks)?.state == .completed)
    }

    @Loop @Test func aJobThatDoesNotHeedItLosesItsLease() async throws {
        let fixture = try await QueueFixture.make {
            $0.lease = .milliseconds(300)
            $0.cancelGrace = .milliseconds(20)
        }
        _ = try await fixture.queue.enqueue(NewJob.tests(3))
        let jobs = try #require(try await fixture.lease()).jobs
        #expect(try await fixture.queue.cancel("job-1", in: .webhooks) == .requested)
        try await eventually { try await fixture.queue.stats(.webhooks).sum.cancelledTotal == 1 }
        #expect(fixture.queue.heldJobCount == 2)
        // It comes to its end too late, and takes nothing from the others of its lease.
        #expect(try await fixture.queue.complete([jobs[1]]).stale == ["job-1"])
        #expect(fixture.queue.heldJobCount == 2)
        #expect(try await fixture.queue.complete([jobs[0], jobs[2]]) == Settlement())
    }

    /// The worker that was asked to end a job is killed: nobody else runs the job.
    @Loop @Test func aWorkerThatDiesMeanwhileTakesTheJobWithIt() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(try await fixture.lease())
        let other = try await fixture.another()
        #expect(try await other.queue.cancel("a", in: .webhooks) == .requested)
        try await fixture.abandon(batch)
        try await other.tickUntil { $0.suspectsLeft == 1 }
        #expect(try await other.lease() == nil)
        #expect(try await other.queue.stats(.webhooks).sum.cancelledTotal == 1)
        #expect(try await fixture.queue.complete(batch.jobs).stale == ["a"])
    }

    @Loop @Test func manyLeasesAreLookedThroughInSlices() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(NewJob.tests(300))
        for _ in 0..<300 { _ = try #require(try await fixture.lease(max: 1)) }
        #expect(try await fixture.queue.cancel("job-222", in: .webhooks) == .requested)
        #expect(try await fixture.queue.find("job-222", in: .webhooks)?.state == .leased)
    }

    /// The memory of ids has turned over between both ends.
    @Loop @Test func ofACancelledJobThatCompletesAllTheSameTheLaterEndIsTold() async throws {
        let fixture = try await QueueFixture.make { $0.rememberedCount = 3 }
        let jobs = NewJob.tests(3, .clicks)
        _ = try await fixture.queue.enqueue(jobs)
        let batch = try #require(try await fixture.lease(.clicks))
        _ = try await fixture.queue.cancel("job-0", in: .clicks)
        _ = try await fixture.queue.complete(batch.jobs)
        #expect(try await fixture.queue.enqueue(jobs[0]) == .exists(state: .completed))
        #expect(try await fixture.queue.cancel("job-0", in: .clicks) == .ended(.completed))
        #expect(try await fixture.queue.find("job-0", in: .clicks)?.state == .completed)
    }
}
