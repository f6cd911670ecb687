import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Leases that expire, and everything that must not count as a crash.
struct ReapTests {
    init() { Loop.startThread() }

    @Loop @Test func jobsOfAnExpiredLeaseAreLeasedAloneAndCountNoCrash() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        _ = try await fixture.queue.enqueue(NewJob.tests(3))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 3 }
        _ = try await fixture.queue.enqueue(.test("other"))
        #expect(try await fixture.lease(alone: false)?.jobs.map(\.id) == ["other"])
        for number in 0..<3 {
            let batch = try #require(try await fixture.lease())
            #expect(batch.lease.isAlone && batch.jobs.map(\.id) == ["job-\(number)"])
            #expect(batch.jobs[0].crashes == 0 && batch.jobs[0].attempt == 1)
            #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        }
    }

    @Loop @Test func aSuspectStaysAloneThroughRetriesUntilItSucceeds() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        _ = try await fixture.queue.enqueue(NewJob.tests(2))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        let first = try #require(try await fixture.lease())
        _ = try await fixture.queue.retry(first.jobs[0], after: .milliseconds(20), error: "x")
        let second = try #require(try await fixture.lease())
        _ = try await fixture.queue.snooze(second.jobs[0], for: .milliseconds(20))
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        let third = try #require(try await fixture.lease())
        #expect(third.lease.isAlone)
        _ = try await fixture.queue.giveBack(third.jobs)
        let fourth = try #require(try await fixture.lease())
        #expect(fourth.lease.isAlone && fourth.jobs.map(\.id) == third.jobs.map(\.id))
    }

    @Loop @Test func threeCrashesQuarantineAJobWithItsLastWorker() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(40) }
        var told: [StoredJob] = []
        fixture.queue.onQuarantine = { told += $0 }
        _ = try await fixture.queue.enqueue(.test("poison", .conversions))
        for round in 0..<4 {
            let batch = try #require(try await fixture.lease(.conversions))
            #expect(batch.lease.isAlone == (round > 0) && batch.jobs[0].crashes == max(0, round - 1))
            #expect(batch.jobs[0].attempt == 1)
            try await fixture.abandon(batch)
            try await fixture.tickUntil(.conversions) { $0.suspectsLeft == 1 || !told.isEmpty }
        }
        #expect(told.map(\.id) == ["poison"] && told[0].state == .quarantined && told[0].crashes == 3)
        let found = try #require(try await fixture.queue.find("poison", in: .conversions))
        #expect(found.state == .quarantined && found.failures.map(\.kind) == [.crashed, .crashed, .crashed])
        #expect(found.failures[2].message == "worker-1")
        #expect(try await fixture.queue.enqueue(.test("poison", .conversions)) == .exists(state: .quarantined))
        #expect(try await fixture.queue.stats(.conversions).sum.diedTotal == 1)
    }

    /// A job that kills every worker which runs it, within a batch of 100: the 99 others succeed.
    @Loop @Test("known failure 17: a poison job in a batch of 100 takes none of its neighbours with it")
    func aPoisonJobTakesNoneOfItsBatchWithIt() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        var quarantined: [String] = []
        fixture.queue.onQuarantine = { quarantined += $0.map(\.id) }
        _ = try await fixture.queue.enqueue(NewJob.tests(100))
        var completed: Set<String> = []
        try await eventually(within: .seconds(30)) {
            while let batch = try await fixture.lease() {
                guard !batch.jobs.contains(where: { $0.id == "job-42" }) else {
                    try await fixture.abandon(batch)
                    break
                }
                #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
                completed.formUnion(batch.jobs.map(\.id))
            }
            return completed.count == 99 && quarantined == ["job-42"]
        }
        #expect(!completed.contains("job-42"))
    }

    @Loop @Test func theFaultSkipLeasedAloneIsNoticed() async throws {
        let fixture = try await QueueFixture.make {
            $0.lease = .milliseconds(250)
            $0.faults = .skipLeasedAlone
        }
        _ = try await fixture.queue.enqueue(NewJob.tests(3))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.readyLeft == 3 }
        #expect(try #require(try await fixture.lease()).jobs.count == 3)
    }

    @Loop @Test func aRedisThatStoodStillPastTheLeaseCountsNothing() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.lease = .milliseconds(300) }
        let other = try await fixture.another()
        _ = try await fixture.queue.enqueue(NewJob.tests(3))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 3 }
        let alone = try #require(try await fixture.lease())
        redis.pause()
        let end = Loop.monotonicMilliseconds + 700
        try await eventually { Loop.monotonicMilliseconds > end }
        redis.resume()
        // The other worker is the first to be heard; the lease has long expired, and still it is not taken away.
        let answer = try await other.queue.tick(.webhooks, shard: 0)
        #expect(answer.suspectsLeft == 2)
        #expect(try await fixture.queue.complete(alone.jobs) == Settlement())
        let next = try #require(try await fixture.lease())
        #expect(next.jobs[0].crashes == 0)
    }

    @Loop @Test func workersThatAllStoodStillGetTheirLeasesBack() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(100) }
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(try await fixture.lease())
        try await fixture.abandon(batch)
        let end = Loop.monotonicMilliseconds + 250
        try await eventually { Loop.monotonicMilliseconds > end }
        // Nobody looked for more than a lease: the first look after it gives everyone a whole lease more.
        #expect(try await fixture.queue.tick(.webhooks, shard: 0).suspectsLeft == 0)
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
    }

    @Loop @Test func aRestartOfRedisCountsNoCrashAndPutsFencesAboveAllBefore() async throws {
        let redis = try await PrivateRedis.start(appendfsync: .always)
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.lease = .milliseconds(200) }
        _ = try await fixture.queue.enqueue(NewJob.tests(2))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        let before = try #require(try await fixture.lease())
        try await fixture.abandon(before)
        let runBefore = fixture.connection.serverRunID
        try await redis.restart()
        try await eventually { fixture.connection.isReady && fixture.connection.serverRunID != runBefore }
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        let after = try #require(try await fixture.lease())
        #expect(after.lease.fence > before.lease.fence + 1)
        #expect(after.jobs[0].id == before.jobs[0].id && after.jobs[0].crashes == 0)
    }

    @Loop @Test func fencesGrowThoughRedisLostAllItsData() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        _ = try await fixture.queue.enqueue(.test("a"))
        let before = try #require(try await fixture.lease())
        _ = try await fixture.connection.command(["FLUSHALL"])
        _ = try await fixture.queue.enqueue(.test("a"))
        let after = try #require(try await fixture.lease())
        #expect(after.lease.fence > before.lease.fence)
        #expect(try await fixture.queue.complete(before.jobs).stale == ["a"])
        #expect(try await fixture.queue.complete(after.jobs) == Settlement())
    }
}

extension QueueFixture {
    /// As a worker that was killed: its leases get no heartbeat any more.
    func abandon(_ batch: LeaseBatch?) async throws {
        guard let batch else { throw TestSupportError("there was nothing to lease") }
        queue.held.release(batch.lease, jobCount: batch.jobs.count)
    }
}
