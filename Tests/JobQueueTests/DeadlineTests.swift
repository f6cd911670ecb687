import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct DeadlineTests {
    init() { Loop.startThread() }

    /// Waits until Redis' clock has passed the deadlines of these jobs.
    @Loop private func pass(_ milliseconds: Int64) async throws {
        let end = Loop.monotonicMilliseconds + milliseconds + 1
        try await eventually { Loop.monotonicMilliseconds >= end }
    }

    @Loop @Test func anExpiredJobIsDroppedAndTheOthersOfItsBatchRun() async throws {
        let fixture = try await QueueFixture.make()
        var told: [String] = []
        fixture.queue.onExpired = { told += $0.map(\.id) }
        _ = try await fixture.queue.enqueue([
            .test("late", .clicks, lifetime: .milliseconds(5)), .test("timely", .clicks, lifetime: .seconds(60)),
            .test("other", .clicks),
        ])
        try await pass(5)
        let batch = try #require(try await fixture.lease(.clicks))
        #expect(batch.jobs.map(\.id) == ["timely", "other"])
        #expect(try #require(batch.jobs[0].deadline) > batch.jobs[0].enqueuedAt && batch.jobs[1].deadline == nil)
        try await eventually { try await fixture.queue.stats(.clicks).sum.expiredTotal == 1 }
        #expect(told == ["late"])
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        #expect(fixture.queue.heldJobCount == 0)
        #expect(try await fixture.queue.enqueue(.test("late", .clicks)) == .exists(state: .expired))
        #expect(try await fixture.queue.find("late", in: .clicks)?.state == .expired)
        #expect(try await fixture.queue.stats(.clicks).sum.diedTotal == 0)
    }

    @Loop @Test func aBatchOfExpiredJobsOnlyIsNoBatch() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue((0..<30).map { .test("job-\($0)", lifetime: .milliseconds(1)) })
        try await pass(1)
        #expect(try await fixture.lease() == nil)
        try await eventually { fixture.queue.heldJobCount == 0 }
        for suffix in ["jobs", "ready", "leases", "expiries"] {
            #expect(try await fixture.integer("EXISTS", fixture.key(suffix)) == 0, "\(suffix)")
        }
    }

    /// The row that owes a job is told before the job is gone; when it cannot be told, the job is kept.
    @Loop @Test func aRowThatCannotBeToldKeepsItsJob() async throws {
        let fixture = try await QueueFixture.make()
        fixture.queue.onExpired = { _ in throw TestSupportError("no database") }
        _ = try await fixture.queue.enqueue(.test("late", lifetime: .milliseconds(1)))
        try await pass(1)
        #expect(try await fixture.lease() == nil)
        try await eventually { fixture.queue.heldJobCount == 0 }
        #expect(try await fixture.queue.find("late", in: .webhooks)?.state == .scheduled)
        #expect(try await fixture.queue.stats(.webhooks).sum.expiredTotal == 0)
    }

    /// A process that ends between the lease of an expired job and its drop leaves it to the next.
    @Loop @Test func aProcessThatEndsBeforeTheDropLeavesTheJobToTheNext() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        fixture.queue.onExpired = { _ in try await Loop.sleep(for: .seconds(3600)) }
        _ = try await fixture.queue.enqueue(.test("late", lifetime: .milliseconds(1)))
        try await pass(1)
        #expect(try await fixture.lease() == nil)
        let leases = try await fixture.strings("HKEYS", fixture.key("leases"))
        let fence = try #require(Int64(leases.first ?? ""))
        let held = fixture.queue.held
        held.forgetAll()
        let other = try await fixture.another()
        var told: [String] = []
        other.queue.onExpired = { told += $0.map(\.id) }
        try await other.tickUntil { $0.suspectsLeft == 1 }
        #expect(try await other.lease() == nil)
        try await eventually { try await other.queue.stats(.webhooks).sum.expiredTotal == 1 }
        #expect(told == ["late"] && fence > 0)
    }

    @Loop @Test func aRetryBeyondTheDeadlineWaitsForTheDeadlineOnly() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([.test("a", lifetime: .seconds(2)), .test("b", lifetime: .seconds(2))])
        let jobs = try #require(try await fixture.lease()).jobs
        _ = try await fixture.queue.settle([
            (job: jobs[0], verdict: .retry(after: .seconds(60), error: "x")),
            (job: jobs[1], verdict: .snooze(.seconds(60))),
        ])
        for id in ["a", "b"] {
            let found = try #require(try await fixture.queue.find(id, in: .webhooks))
            #expect(found.dueAt == found.deadline && found.deadline != nil)
        }
    }

    @Loop @Test("known failure 16: a record of a newer release, or a damaged one, is parked, and stops nobody")
    func aRecordThatNobodyCanReadIsParkedWhereRecordsAreLookedAt() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([
            .test("timed", priority: .high, lifetime: .seconds(60)), .test("short", orderKey: "k"), .test("last"),
        ])
        let good = try #require(
            try await fixture.connection.command(["HGET", fixture.key("jobs"), "timed"]).bytes)
        var newer = good
        newer[8] = 3
        let damaged: [String: [UInt8]] = ["newer": newer, "empty": [1], "cut": Array(good.prefix(33))]
        for (id, record) in damaged {
            _ = try await fixture.connection.command(["HSET", fixture.key("jobs"), .string(id), .bytes(record)])
            _ = try await fixture.connection.command(["LPUSH", fixture.key("ready"), .string(id)])
        }
        let batch = try #require(try await fixture.lease())
        #expect(Set(batch.jobs.map(\.id)) == ["timed", "short", "last"])
        try await eventually { try await fixture.queue.stats(.webhooks).sum.scheduled == 3 }
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
    }

    @Test func aLifetimeMustReachBeyondTheDelay() {
        #expect(NewJob.test("a", delay: .seconds(5), lifetime: .seconds(5)).problem(payloadBytesMax: 100) != nil)
        #expect(NewJob.test("a", lifetime: .zero).problem(payloadBytesMax: 100) != nil)
        #expect(NewJob.test("a", lifetime: .seconds(400 * 86_400)).problem(payloadBytesMax: 100) != nil)
        #expect(NewJob.test("a", delay: .seconds(5), lifetime: .seconds(6)).problem(payloadBytesMax: 100) == nil)
    }
}

extension HeldLeases {
    /// As a process that was killed: nothing is extended any more.
    func forgetAll() {
        for lease in heldLeases { release(lease, jobCount: .max) }
    }
}
