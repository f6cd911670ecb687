import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct SettleTests {
    init() { Loop.startThread() }

    @Loop @Test func completedJobsLeaveNothingBehind() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(NewJob.tests(20))
        let batch = try #require(try await fixture.lease())
        #expect(batch.jobs.count == 20 && fixture.queue.heldJobCount == 20)
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        #expect(fixture.queue.heldJobCount == 0)
        for suffix in ["jobs", "ready", "alone", "scheduled", "leases", "expiries", "dead", "done0", "done1"] {
            #expect(try await fixture.integer("EXISTS", fixture.key(suffix)) == 0, "\(suffix)")
        }
        #expect(try await fixture.queue.stats(.webhooks).sum.completedTotal == 20)
    }

    @Loop @Test func aTestsDelayComesBeforeTheAcknowledgement() async throws {
        let fixture = try await QueueFixture.make { $0.settleDelay = .milliseconds(40) ... .milliseconds(50) }
        _ = try await fixture.queue.enqueue(NewJob.tests(2))
        let batch = try #require(try await fixture.lease())
        let begin = Loop.monotonicMilliseconds
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        #expect(Loop.monotonicMilliseconds - begin >= 40)
        #expect(try await fixture.queue.stats(.webhooks).sum.completedTotal == 2)
    }

    @Loop @Test func partsOfABatchAreSettledOneByOne() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(NewJob.tests(6))
        let jobs = try #require(try await fixture.lease()).jobs
        let settlement = try await fixture.queue.settle([
            (job: jobs[0], verdict: .complete()), (job: jobs[1], verdict: .retry(after: .seconds(60), error: "no")),
            (job: jobs[2], verdict: .bury(reason: "never")), (job: jobs[3], verdict: .giveBack),
            (job: jobs[4], verdict: .snooze(.seconds(60))),
        ])
        #expect(settlement == Settlement(stale: [], died: ["job-2"]))
        var states: [JobState?] = []
        for job in jobs { states.append(try await fixture.queue.find(job.id, in: .webhooks)?.state) }
        #expect(states == [nil, .scheduled, .dead, .ready, .scheduled, .leased])
        #expect(try await fixture.queue.find("job-5", in: .webhooks)?.worker == "worker-1")
        #expect(fixture.queue.heldJobCount == 1)
        #expect(try await fixture.queue.complete([jobs[5]]) == Settlement())
        #expect(try await fixture.queue.stats(.webhooks).sum.leases == 0)
    }

    @Loop @Test func aStaleAcknowledgementIsRefusedByNameAndChangesNothing() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(60) }
        _ = try await fixture.queue.enqueue(NewJob.tests(2))
        let batch = try #require(try await fixture.lease())
        // As a process that stood still: no heartbeat, and another worker takes over.
        fixture.queue.held.release(batch.lease, jobCount: 2)
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        let other = try await fixture.another()
        let first = try #require(try await other.lease())
        #expect(first.lease.fence > batch.lease.fence)
        let followUp = NewJob.test("follow", .notifications)
        let late = try await fixture.queue.complete(batch.jobs, followUps: [followUp])
        #expect(late.stale == ["job-0", "job-1"])
        #expect(try await fixture.queue.retry(batch.jobs[0], after: .zero, error: "x").stale == ["job-0"])
        #expect(try await fixture.queue.find("follow", in: .notifications) == nil)
        #expect(try await fixture.queue.find("job-0", in: .webhooks)?.state == .leased)
        #expect(try await other.queue.complete(first.jobs) == Settlement())
    }

    @Loop @Test func aWrongTokenIsRefusedThoughTheFenceIsRight() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(.test("a"))
        let job = try #require(try await fixture.lease()).jobs[0]
        let forged = Lease(queue: job.queue, shard: 0, fence: job.fence, token: job.lease.token ^ 1, isAlone: false)
        let record = JobRecord.unreadable
        let settlement = try await fixture.queue.complete([LeasedJob(id: "a", lease: forged, record: record)])
        #expect(settlement.stale == ["a"])
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .leased)
    }

    @Loop @Test func aRetrySpendsAnAttemptAndKeepsTheLastFiveErrors() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(.test("a", maxAttempts: 7))
        for attempt in 1...7 {
            let job = try #require(try await fixture.lease()).jobs[0]
            #expect(job.attempt == attempt && job.isLastAttempt == (attempt == 7))
            #expect(job.failures.map(\.attempt) == Array(max(1, attempt - 5)..<max(1, attempt)))
            let message = "error \(attempt) " + String(repeating: "é", count: 200)
            let settlement = try await fixture.queue.retry(job, after: .zero, error: message)
            #expect(settlement.died == (attempt == 7 ? ["a"] : []))
        }
        let dead = try #require(try await fixture.queue.find("a", in: .webhooks))
        #expect(dead.state == .dead && dead.attempt == 7 && dead.diedAt != nil)
        #expect(dead.payload == Array("payload".utf8))
        #expect(dead.failures.map(\.attempt) == [3, 4, 5, 6, 7])
        #expect(dead.failures.allSatisfy { $0.kind == .failed && $0.message.utf8.count <= 300 })
        #expect(dead.failures[4].message.hasPrefix("error 7 éé"))
    }

    @Loop @Test func aRetryComesBackWhenItIsDue() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(.test("a"))
        let job = try #require(try await fixture.lease()).jobs[0]
        let before = Loop.monotonicMilliseconds
        _ = try await fixture.queue.retry(job, after: .milliseconds(300), error: "x")
        let check = try #require(try await fixture.queue.tick(.webhooks, shard: 0).nextCheck)
        #expect(check <= .milliseconds(300))
        try await fixture.tickUntil { $0.readyLeft == 1 }
        #expect(Loop.monotonicMilliseconds - before >= 299)
        #expect(try #require(try await fixture.lease()).jobs[0].attempt == 2)
    }

    @Loop @Test func givenBackJobsAreNextInTheirOldOrder() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(NewJob.tests(5))
        let batch = try #require(try await fixture.lease(max: 3))
        _ = try await fixture.queue.giveBack(batch.jobs)
        let again = try #require(try await fixture.lease())
        #expect(again.jobs.map(\.id) == (0..<5).map { "job-\($0)" })
        #expect(again.jobs.allSatisfy { $0.attempt == 1 && $0.failures.isEmpty })
    }

    @Loop @Test func followUpsOfTheShardGoWithTheAcknowledgementAndOthersAfterIt() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        let configuration = fixture.configuration
        let keys = (0..<40).map { "key-\($0)" }
        let near = try #require(keys.first { configuration.shard(of: $0) == 0 })
        let far = try #require(keys.first { configuration.shard(of: $0) == 3 })
        _ = try await fixture.queue.enqueue(.test("a", shardKey: near))
        let batch = try #require(try await fixture.lease())
        _ = try await fixture.queue.complete(
            batch.jobs,
            followUps: [
                .test("near-1", .commissions, shardKey: near), .test("near-2", .notifications, shardKey: near),
                .test("near-3", .webhooks, delay: .seconds(60), shardKey: near),
                .test("far", .notifications, shardKey: far),
            ])
        #expect(try await fixture.queue.find("near-1", in: .commissions)?.state == .ready)
        #expect(try await fixture.queue.find("near-2", in: .notifications)?.state == .ready)
        #expect(try await fixture.queue.find("near-3", in: .webhooks)?.state == .scheduled)
        try await eventually { try await fixture.queue.find("far", in: .notifications)?.shard == 3 }
    }

    @Loop @Test func theFaultDropFollowUpsIsNoticed() async throws {
        let fixture = try await QueueFixture.make { $0.faults = .dropFollowUps }
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(try await fixture.lease())
        #expect(try await fixture.queue.complete(batch.jobs, followUps: [.test("b", .commissions)]) == Settlement())
        #expect(try await fixture.queue.find("b", in: .commissions) == nil)
    }

    @Loop @Test func acknowledgementsOfOneTurnAreOneScriptCall() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        _ = try await fixture.queue.enqueue(NewJob.tests(100))
        var jobs: [LeasedJob] = []
        for _ in 0..<4 { jobs += try #require(try await fixture.lease(max: 25)).jobs }
        let before = try await fixture.scriptCalls()
        let tasks = jobs.map { job in Task { @Loop in try await fixture.queue.complete([job]) } }
        for task in tasks { #expect(try await task.value == Settlement()) }
        // The first one waits for the script to be loaded, which is a call of its own.
        #expect(try await fixture.scriptCalls() - before <= 2)
        #expect(try await fixture.queue.stats(.webhooks).sum.completedTotal == 100)
    }

    @Loop @Test func acknowledgementsGatherWhileOneIsOnItsWay() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        _ = try await fixture.queue.enqueue(NewJob.tests(11))
        let jobs = try #require(try await fixture.lease()).jobs
        _ = try await fixture.queue.complete([jobs[0]])
        let before = try await fixture.scriptCalls()
        redis.pause()
        var settling: [Task<Settlement, any Error>] = []
        for job in jobs.dropFirst() {
            settling.append(Task { @Loop in try await fixture.queue.complete([job]) })
            // Each in a turn of its own.
            await withCheckedContinuation { continuation in Loop.atTurnEnd { continuation.resume() } }
        }
        redis.resume()
        for task in settling { #expect(try await task.value == Settlement()) }
        #expect(try await fixture.scriptCalls() - before == 2)
    }

    @Loop @Test func aHeartbeatKeepsALeaseForAsLongAsItTakes() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(900) }
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(try await fixture.lease())
        let other = try await fixture.another()
        let end = Loop.monotonicMilliseconds + 2000
        try await other.tickUntil { answer in
            #expect(answer.suspectsLeft == 0)
            return Loop.monotonicMilliseconds > end
        }
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
    }

    @Loop @Test func aLostLeaseIsToldByTheHeartbeat() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(90) }
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(try await fixture.lease())
        var lost: [Lease] = []
        fixture.queue.onLeaseLost = { lost.append($0) }
        _ = try await fixture.connection.command(["DEL", fixture.key("leases")])
        try await eventually { lost == [batch.lease] }
        #expect(fixture.queue.heldJobCount == 0)
    }
}
