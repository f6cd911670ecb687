import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct DeadLetterTests {
    init() { Loop.startThread() }

    /// Enqueues jobs over all shards and buries them.
    @Loop private func fixture(deadCount: Int, _ name: QueueName = .webhooks) async throws -> QueueFixture {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        let jobs = (0..<deadCount).map { NewJob.test("job-\($0)", name, shardKey: "key-\($0)") }
        _ = try await fixture.queue.enqueue(jobs)
        for shard in 0..<4 {
            while let batch = try await fixture.queue.lease(name, shard: shard, max: 100, mayTakeAlone: true).batch {
                let verdicts = batch.jobs.map { job in
                    (job: job, verdict: JobVerdict.bury(reason: job.id.hasSuffix("7") ? "seven" : "other"))
                }
                #expect(try await fixture.queue.settle(verdicts).died.count == batch.jobs.count)
            }
        }
        return fixture
    }

    @Loop @Test func allAreListedPageByPage() async throws {
        let fixture = try await fixture(deadCount: 250)
        var ids: Set<String> = []
        var cursor: DeadLetterCursor? = DeadLetterCursor()
        var pages = 0
        while let from = cursor {
            let page = try await fixture.queue.deadLetters(.webhooks, after: from, limit: 30)
            #expect(page.seen <= 30 && page.jobs.count == page.seen)
            ids.formUnion(page.jobs.map(\.id))
            cursor = page.next
            pages += 1
        }
        #expect(ids.count == 250 && pages >= 9)
        let sevens = try await fixture.queue.deadLetters(
            .webhooks, matching: DeadLetterFilter(errorContains: "eve"), limit: 200)
        #expect(sevens.jobs.allSatisfy { $0.id.hasSuffix("7") && $0.failures[0].kind == .buried })
        #expect(sevens.seen == 200 && sevens.jobs.count < 50)
    }

    @Loop @Test func aRedriveStartsAttemptsAgainAndKeepsTheHistory() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(.test("a", maxAttempts: 2))
        for _ in 0..<2 {
            let job = try #require(try await fixture.lease()).jobs[0]
            _ = try await fixture.queue.retry(job, after: .zero, error: "x")
        }
        let dead = try await fixture.queue.deadLetters(.webhooks).jobs
        #expect(try await fixture.queue.redrive(dead) == 1)
        #expect(try await fixture.queue.redrive(dead) == 0)
        let batch = try #require(try await fixture.lease())
        #expect(batch.jobs[0].attempt == 1 && batch.jobs[0].failures.count == 2 && !batch.lease.isAlone)
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
    }

    @Loop @Test func aRedrivenQuarantinedJobIsLeasedAlone() async throws {
        let fixture = try await QueueFixture.make {
            $0.lease = .milliseconds(40)
            $0.crashesMax = 1
        }
        _ = try await fixture.queue.enqueue(.test("a"))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 1 }
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 0 && $0.nextCheck == nil }
        let dead = try await fixture.queue.deadLetters(
            .webhooks, matching: DeadLetterFilter(isQuarantined: true)
        ).jobs
        #expect(try await fixture.queue.redrive(dead) == 1)
        #expect(try await fixture.lease(alone: false) == nil)
        let batch = try #require(try await fixture.lease())
        #expect(batch.lease.isAlone && batch.jobs[0].crashes == 0)
    }

    @Loop @Test("known failure 8: dead letters that are redriven at a pace come back one after the other")
    func aPacedRedriveSpreadsTheJobsOverTime() async throws {
        let fixture = try await fixture(deadCount: 100)
        #expect(try await fixture.queue.redriveAll(.webhooks, dryRun: true) == 100)
        #expect(try await fixture.queue.stats(.webhooks).sum.dead == 100)
        #expect(try await fixture.queue.redriveAll(.webhooks, perSecond: 10, dryRun: false) == 100)
        let stats = try await fixture.queue.stats(.webhooks).sum
        #expect(stats.dead == 0 && stats.ready + stats.scheduled == 100 && stats.ready <= 2)
        var due: [Int64] = []
        for shard in 0..<4 {
            let scores = try await fixture.strings(
                "ZRANGE", fixture.key("scheduled", shard: shard), 0, -1, "WITHSCORES")
            due += stride(from: 1, to: scores.count, by: 2).compactMap { Int64(scores[$0]) }
        }
        let spread = try #require(due.max()) - (due.min() ?? 0)
        #expect((9_500...10_500).contains(spread))
    }

    @Loop @Test func aRedriveOfAFilterLeavesTheOthers() async throws {
        let fixture = try await fixture(deadCount: 1000)
        let sevens = DeadLetterFilter(errorContains: "seven")
        #expect(try await fixture.queue.redriveAll(.webhooks, matching: sevens, dryRun: false) == 100)
        let stats = try await fixture.queue.stats(.webhooks).sum
        #expect(stats.dead == 900 && stats.ready == 100)
    }

    @Loop @Test func deletedJobsAreGoneAndRememberedAsCancelled() async throws {
        let fixture = try await fixture(deadCount: 10, .conversions)
        let dead = try await fixture.queue.deadLetters(.conversions).jobs
        #expect(try await fixture.queue.delete(Array(dead.prefix(4))) == 4)
        #expect(try await fixture.queue.delete(Array(dead.prefix(4))) == 0)
        #expect(try await fixture.queue.stats(.conversions).sum.dead == 6)
        let gone = dead[0]
        let again = NewJob.test(gone.id, .conversions, shardKey: "key-" + gone.id.dropFirst(4))
        #expect(try await fixture.queue.enqueue(again) == .exists(state: .cancelled))
        #expect(try await fixture.queue.find(gone.id, in: .conversions)?.state == .cancelled)
    }
}
