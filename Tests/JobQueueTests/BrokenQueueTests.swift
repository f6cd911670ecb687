import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Each guard of the queue is taken away once, to show that a test would notice, next to the same with the guard.
///
/// Those of leased-alone, of the digest and of follow-ups stand beside what they guard: `theFaultSkipLeasedAloneIsNoticed`,
/// `theFaultSkipDigestCheckIsNoticed`, `theFaultDropFollowUpsIsNoticed`.
@Suite("Without its guards the queue goes wrong")
struct BrokenQueueTests {
    init() { Loop.startThread() }

    // MARK: Fence

    private struct LateWord {
        var stale: [String]
        /// Where the job was after the late acknowledgement, while its second worker ran it.
        var stateMeanwhile: JobState?
        var secondSettlement: Settlement
        var completedTotal: Int
    }

    /// A worker stands still past its lease, another one runs its job, and the first one acknowledges it.
    @Loop private func lateAcknowledgement(_ faults: QueueFaults) async throws -> LateWord {
        let fixture = try await QueueFixture.make {
            $0.lease = .milliseconds(100)
            $0.faults = faults
        }
        _ = try await fixture.queue.enqueue(.test("a"))
        let first = try #require(try await fixture.lease())
        try await fixture.abandon(first)
        try await fixture.tickUntil { $0.suspectsLeft == 1 }
        let second = try await fixture.another()
        let batch = try #require(try await second.lease())
        return try await completeBoth(first, of: fixture, then: batch, of: second)
    }

    /// The first worker speaks after the job was leased to the second one.
    @Loop private func completeBoth(
        _ first: LeaseBatch, of fixture: QueueFixture, then batch: LeaseBatch, of second: QueueFixture
    ) async throws -> LateWord {
        let stale = try await fixture.queue.complete(first.jobs).stale
        let state = try await fixture.queue.find("a", in: .webhooks)?.state
        let settlement = try await second.queue.complete(batch.jobs)
        return LateWord(
            stale: stale, stateMeanwhile: state, secondSettlement: settlement,
            completedTotal: Int(try await fixture.queue.stats(.webhooks).sum.completedTotal))
    }

    @Loop @Test func withTheFenceALateAcknowledgementIsRefused() async throws {
        let word = try await lateAcknowledgement([])
        #expect(word.stale == ["a"] && word.stateMeanwhile == .leased)
        #expect(word.secondSettlement == Settlement() && word.completedTotal == 1)
    }

    @Loop @Test func withoutTheFenceALateAcknowledgementEndsAnothersAttempt() async throws {
        let word = try await lateAcknowledgement(.skipFence)
        #expect(word.stale.isEmpty && word.stateMeanwhile == nil)
        // One job, completed twice.
        #expect(word.completedTotal == 2)
    }

    /// The fences of two leases of a job between which Redis lost all its data.
    @Loop private func fencesAroundALoss(_ faults: QueueFaults) async throws -> (before: Int64, after: Int64) {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.faults = faults }
        _ = try await fixture.queue.enqueue(.test("a"))
        let before = try #require(try await fixture.lease())
        _ = try await fixture.connection.command(["FLUSHALL"])
        _ = try await fixture.queue.enqueue(.test("a"))
        return (before.jobs[0].fence, try #require(try await fixture.lease()).jobs[0].fence)
    }

    @Loop @Test func withTheFenceARowKnowsTheLaterLeaseAfterALoss() async throws {
        let (before, after) = try await fencesAroundALoss([])
        #expect(after > before)
    }

    @Loop @Test func withoutTheFenceARowCannotTellTheLaterLeaseAfterALoss() async throws {
        let (before, after) = try await fencesAroundALoss(.skipFence)
        #expect(after <= before)
    }

    // MARK: Token

    /// A failover rolls the fence back behind a lease it has forgotten, and the next lease gets the same fence; then the
    /// first worker acknowledges.
    @Loop private func acknowledgementOfARepeatedFence(_ faults: QueueFaults) async throws -> LateWord {
        let fixture = try await QueueFixture.make { $0.faults = faults }
        _ = try await fixture.queue.enqueue(.test("a"))
        let first = try #require(try await fixture.lease())
        for suffix in ["leases", "expiries"] { _ = try await fixture.connection.command(["DEL", fixture.key(suffix)]) }
        _ = try await fixture.connection.command(["RPUSH", fixture.key("ready"), "a"])
        _ = try await fixture.connection.command([
            "HSET", fixture.key("meta"), "fence", .integer(first.jobs[0].fence - 1),
        ])
        let second = try await fixture.another()
        let batch = try #require(try await second.lease())
        #expect(batch.jobs[0].fence == first.jobs[0].fence && batch.jobs[0].lease.token != first.jobs[0].lease.token)
        return try await completeBoth(first, of: fixture, then: batch, of: second)
    }

    @Loop @Test func withTheTokenALateAcknowledgementIsRefusedThoughAFailoverRepeatedTheFence() async throws {
        let word = try await acknowledgementOfARepeatedFence([])
        #expect(word.stale == ["a"] && word.stateMeanwhile == .leased)
        #expect(word.secondSettlement == Settlement() && word.completedTotal == 1)
    }

    @Loop @Test func withoutTheTokenARepeatedFenceEndsAnothersAttempt() async throws {
        let word = try await acknowledgementOfARepeatedFence(.skipToken)
        #expect(word.stale.isEmpty && word.stateMeanwhile == nil)
        #expect(word.secondSettlement.stale == ["a"])
    }

    // MARK: Full memory

    /// Whether a queue whose Redis is full can be worked off.
    @Loop private func drainsWhenFull(_ faults: QueueFaults) async throws -> Bool {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.faults = faults }
        _ = try await fixture.queue.enqueue(NewJob.tests(10))
        // From now on everything is too much.
        _ = try await fixture.connection.command(["CONFIG", "SET", "maxmemory", "1"])
        await #expect(throws: QueueError.self) { _ = try await fixture.queue.enqueue(.test("more")) }
        do {
            let batch = try #require(try await fixture.lease())
            return try await fixture.queue.complete(batch.jobs) == Settlement()
        } catch QueueError.outOfMemory {
            return false
        }
    }

    @Loop @Test func withAllowOOMAFullQueueDrains() async throws { #expect(try await drainsWhenFull([])) }

    @Loop @Test func withoutAllowOOMAFullQueueStandsStill() async throws {
        #expect(try await !drainsWhenFull(.skipAllowOOM))
    }

    // MARK: Derived ids

    /// How often a step runs that is enqueued with the acknowledgement of the step before it, and once more by a sweep that
    /// finds it owed.
    @Loop private func runsOfAStepSaidTwice(_ faults: QueueFaults) async throws -> Int {
        let fixture = try await QueueFixture.make { $0.faults = faults }
        let step = NewJob.test("price-order-7-2", .commissions)
        _ = try await fixture.queue.enqueue(.test("event-1"))
        _ = try await fixture.queue.complete(try #require(try await fixture.lease()).jobs, followUps: [step])
        _ = try await fixture.queue.enqueue(step)
        var runs = 0
        while let batch = try await fixture.lease(.commissions) {
            runs += batch.jobs.count
            _ = try await fixture.queue.complete(batch.jobs)
        }
        return runs
    }

    @Loop @Test func withADerivedIDAStepThatIsSaidTwiceRunsOnce() async throws {
        #expect(try await runsOfAStepSaidTwice([]) == 1)
    }

    @Loop @Test func withoutADerivedIDAStepThatIsSaidTwiceRunsTwice() async throws {
        #expect(try await runsOfAStepSaidTwice(.skipDerivedID) == 2)
    }

    // MARK: The switches themselves

    @Test func everyFaultOfAScriptChangesSome() {
        let scripts = [QueueScript.lease, QueueScript.settle, QueueScript.extend, QueueScript.tick]
        for fault in [QueueFaults.skipFence, .skipToken, .skipAllowOOM] {
            #expect(scripts.contains { fault.applied(to: $0).sha1 != $0.sha1 })
        }
        for script in scripts {
            for fault in [QueueFaults.skipLeasedAlone, .skipDigestCheck, .dropFollowUps, .skipDerivedID, []] {
                #expect(fault.applied(to: script).sha1 == script.sha1)
            }
        }
    }
}
