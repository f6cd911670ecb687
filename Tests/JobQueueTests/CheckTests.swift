import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// The check of the invariants, and what it mends: each kind of damage is made by hand.
struct CheckTests {
    init() { Loop.startThread() }

    /// A queue with jobs in every place.
    @Loop private func fixture() async throws -> QueueFixture {
        let fixture = try await QueueFixture.make {
            $0.keptCompleted = [.webhooks: CompletedRetention(age: .seconds(60), count: 100)]
        }
        let queue = fixture.queue
        _ = try await queue.enqueue(NewJob.tests(30))
        _ = try await queue.enqueue(PriorityBand.allCases.map { .test("\($0)", priority: $0) })
        try await fixture.setTurn(.urgent)
        let jobs = try #require(try await fixture.lease(max: 20)).jobs
        _ = try await queue.settle([
            (job: jobs[0], verdict: .bury(reason: "no")), (job: jobs[1], verdict: .complete()),
            (job: jobs[2], verdict: .snooze(.seconds(60))), (job: jobs[3], verdict: .retry(after: .zero, error: "x")),
        ])
        _ = try await queue.enqueue((0..<10).map { .test("line-\($0)", orderKey: "order-\($0 % 2)") })
        _ = try await queue.enqueue(.test("one", delay: .seconds(60), unique: UniqueKey("k")))
        _ = try await queue.cancel("line-4", in: .webhooks)
        return fixture
    }

    /// The check names the damage, mends it, and finds nothing after it.
    @Loop private func expect(
        _ kinds: [CheckReport.Kind], _ fixture: QueueFixture, line: Int = #line
    ) async throws {
        let found = try await fixture.queue.check(.webhooks)
        #expect(found.findings.map(\.kind) == kinds && !found.findings.contains { $0.isRepaired }, "line \(line)")
        #expect(try await fixture.queue.check(.webhooks).findings.count == kinds.count, "a check changes nothing")
        let mended = try await fixture.queue.check(.webhooks, repair: true)
        #expect(mended.findings.map(\.kind) == kinds && mended.findings.allSatisfy(\.isRepaired), "line \(line)")
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty, "line \(line)")
    }

    @Loop @Test func aSoundQueueHasNoFindings() async throws {
        let fixture = try await fixture()
        let report = try await fixture.queue.check(.webhooks)
        #expect(report.findings.isEmpty && report.unproven == 0 && report.seen > 50)
        try await expect([], fixture)
    }

    @Loop @Test func aLostJobIsFoundAndRuns() async throws {
        let fixture = try await fixture()
        _ = try await fixture.connection.command(["RPOP", fixture.key("low")])
        try await expect([.jobInNoPlace], fixture)
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["low"])
    }

    @Loop @Test func aDoubledJobRunsOnce() async throws {
        let fixture = try await fixture()
        _ = try await fixture.connection.command(["RPUSH", fixture.key("ready"), "job-25", "job-26", "job-26"])
        try await expect([.jobInTwoPlaces, .jobInTwoPlaces], fixture)
        var ids: [String] = []
        while let batch = try await fixture.lease() { ids += batch.jobs.map(\.id) }
        #expect(ids.count == Set(ids).count && ids.contains("job-25") && ids.contains("job-26"))
    }

    @Loop @Test func aLeasedJobThatIsReadyAsWellStaysWithItsWorker() async throws {
        let fixture = try await fixture()
        _ = try await fixture.connection.command(["RPUSH", fixture.key("urgent"), "job-10"])
        try await expect([.jobInTwoPlaces], fixture)
        #expect(try await fixture.queue.find("job-10", in: .webhooks)?.state == .leased)
        let batch = try #require(try await fixture.lease())
        #expect(!batch.jobs.contains { $0.id == "job-10" })
    }

    @Loop @Test func entriesWithoutAJobGo() async throws {
        let fixture = try await fixture()
        for suffix in ["scheduled", "dead", "kept"] {
            _ = try await fixture.connection.command(["ZADD", fixture.key(suffix), 4_000_000_000_000, "ghost"])
        }
        _ = try await fixture.connection.command([
            "ZADD", fixture.key("ordered"), 0, "order-0 0000000000000000 0 ghost",
        ])
        _ = try await fixture.connection.command(["HSET", fixture.key("unique"), "ghost-key", "ghost"])
        try await expect(
            [.scheduledWithoutJob, .deadWithoutJob, .keptWithoutJob, .keyWithoutJob, .lineWithoutJob], fixture)
    }

    @Loop @Test func leasesAndExpiriesAreMadeToAgree() async throws {
        let fixture = try await fixture()
        // A heartbeat would mend it before the check does.
        for lease in fixture.queue.held.heldLeases { fixture.queue.held.release(lease, jobCount: .max) }
        _ = try await fixture.connection.command(["ZADD", fixture.key("expiries"), 4_000_000_000_000, "77"])
        try await expect([.expiryWithoutLease], fixture)
        _ = try await fixture.connection.command(["HDEL", fixture.key("jobs"), "job-12"])
        try await expect([.leaseWithoutJob], fixture)
        _ = try await fixture.connection.command(["DEL", fixture.key("expiries")])
        try await expect([.leaseWithoutExpiry], fixture)
        // It expires at once, and what is under it comes back.
        try await fixture.tickUntil { $0.suspectsLeft > 0 }
    }

    @Loop @Test func anOrderKeyWithoutAHeadGoesOn() async throws {
        let fixture = try await fixture()
        _ = try await fixture.connection.command(["HDEL", fixture.key("heads"), "order-1"])
        // Its head stands in its list still: it is the head again, not the next of the line.
        let report = try await fixture.queue.check(.webhooks, repair: true)
        #expect(report.findings.map(\.kind) == [.jobNotInLine] && report.findings.map(\.subject) == ["line-1"])
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
        // Two of a key stand loose: the one that is not its head joins the line.
        _ = try await fixture.connection.command(["HSET", fixture.key("heads"), "order-1", "line-3"])
        _ = try await fixture.connection.command(["ZREMRANGEBYRANK", fixture.key("ordered"), 4, 4])
        _ = try await fixture.connection.command(["LPUSH", fixture.key("ready"), "line-3"])
        try await expect([.jobNotInLine], fixture)
        // A head that is gone: the next one is.
        _ = try await fixture.connection.command(["HDEL", fixture.key("jobs"), "line-3"])
        try await expect([.headWithoutJob], fixture)
        _ = try await fixture.connection.command(["HSET", fixture.key("heads"), "order-9", "ghost"])
        let again = try await fixture.queue.check(.webhooks, repair: true)
        #expect(again.findings.contains { $0.kind == .headWithoutJob && $0.subject == "order-9" })
        #expect(try await fixture.integer("HEXISTS", fixture.key("heads"), "order-9") == 0)
    }

    @Loop @Test func aListTooLongForAProofIsSaidToBe() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue((0..<20_100).map { .test("job-\($0)") })
        _ = try await fixture.connection.command(["LPOP", fixture.key("ready")])
        let report = try await fixture.queue.check(.webhooks, repair: true)
        #expect(report.findings.isEmpty && report.unproven == 1)
    }

    /// While jobs move, nothing is called lost or doubled that is not.
    @Loop @Test func aQueueAtWorkHasNoFindings() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(NewJob.tests(3000))
        var isDone = false
        let worker = Task { @Loop in
            var random = SystemRandomNumberGenerator()
            while let batch = try await fixture.lease(max: 50) {
                _ = try await fixture.queue.settle(
                    batch.jobs.map { job in
                        let verdict: JobVerdict =
                            switch Int.random(in: 0..<4, using: &random) {
                            case 0: .complete()
                            case 1: .retry(after: .milliseconds(3), error: "x")
                            case 2: .giveBack
                            default: .snooze(.milliseconds(5))
                            }
                        return (job: job, verdict: verdict)
                    })
            }
            isDone = true
        }
        repeat {
            let report = try await fixture.queue.check(.webhooks, repair: true)
            #expect(report.findings.isEmpty)
        } while !isDone
        try await worker.value
    }
}
