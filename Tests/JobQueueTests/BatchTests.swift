import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct BatchTests {
    init() { Loop.startThread() }

    private let batch = JobBatch(
        id: "import-7", queue: .webhooks, shardKey: "key", onSuccess: .test("success", priority: .urgent),
        onCompletion: .test("completion"))

    @Loop private func state(_ fixture: QueueFixture) async throws -> BatchState? {
        try await fixture.queue.batch("import-7", in: .webhooks, shardKey: "key")
    }

    private func jobs(_ ids: String...) -> [NewJob] { ids.map { .test($0, batch: "import-7") } }

    @Loop @Test func whatFollowsComesOnceWhenAllHaveSucceeded() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        #expect(try await queue.enqueue(jobs("early")) == [.batchEnded])
        #expect(try await queue.open(batch))
        #expect(try await !queue.open(batch))
        #expect(try await queue.enqueue(jobs("a", "b", "a")) == [.added, .added, .exists(state: .live)])
        let first = try #require(try await fixture.lease()).jobs
        #expect(first[0].batch == "import-7")
        _ = try await queue.complete(first)
        // Not sealed: others may join still.
        #expect(try await state(fixture)?.outstanding == 0)
        #expect(try await queue.enqueue(jobs("c")) == [.added])
        #expect(try await queue.seal(batch))
        #expect(try await !queue.seal(batch))
        #expect(try await state(fixture)?.isSealed == true)
        let last = try #require(try await fixture.lease()).jobs
        #expect(last.map(\.id) == ["c"])
        _ = try await queue.complete(last)
        #expect(try await state(fixture) == nil)
        let followers = try #require(try await fixture.lease()).jobs
        #expect(Set(followers.map(\.id)) == ["success", "completion"])
        #expect(followers.first { $0.id == "success" }?.priority == .urgent)
        #expect(try await queue.complete(last).stale == ["c"])
        #expect(try await queue.enqueue(jobs("late")) == [.batchEnded])
        _ = try await queue.complete(followers)
        for suffix in ["batches", "members", "jobs"] {
            #expect(try await fixture.integer("EXISTS", fixture.key(suffix)) == 0, "\(suffix)")
        }
    }

    @Loop @Test func aDeadJobEndsTheBatchAndItsRedriveMayYetSucceed() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.open(batch)
        _ = try await queue.enqueue(jobs("a", "b"))
        _ = try await queue.seal(batch)
        let out = try #require(try await fixture.lease()).jobs
        _ = try await queue.settle([(job: out[0], verdict: .bury(reason: "no")), (job: out[1], verdict: .complete())])
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["completion"])
        #expect(try await state(fixture)?.dead == 1)
        _ = try await queue.redriveAll(.webhooks, dryRun: false)
        #expect(try await state(fixture).map { [$0.outstanding, $0.dead] } == [1, 0])
        _ = try await queue.complete(try #require(try await fixture.lease()).jobs)
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["success"])
        #expect(try await state(fixture) == nil)
    }

    @Loop @Test func aJobThatIsGoneWithoutSuccessLeavesCompletionOnly() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.open(batch)
        _ = try await queue.enqueue(jobs("waits", "dead"))
        _ = try await queue.enqueue(.test("scheduled", delay: .seconds(60), batch: "import-7"))
        _ = try await queue.seal(batch)
        _ = try await queue.cancel("scheduled", in: .webhooks)
        #expect(try await state(fixture)?.cannotSucceed == true)
        _ = try await queue.cancel("waits", in: .webhooks)
        _ = try await queue.bury(try #require(try await fixture.lease()).jobs[0], reason: "no")
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["completion"])
        #expect(try await queue.delete(try await queue.deadLetters(.webhooks).jobs) == 1)
        #expect(try await state(fixture) == nil)
        #expect(try await fixture.lease() == nil)
    }

    @Loop @Test func aJobAddsOthersToItsOwnBatch() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.open(batch)
        _ = try await queue.enqueue(jobs("first"))
        _ = try await queue.seal(batch)
        let first = try #require(try await fixture.lease()).jobs
        _ = try await queue.complete(first, followUps: jobs("second", "third"))
        let next = try #require(try await fixture.lease()).jobs
        #expect(next.map(\.id) == ["second", "third"])
        _ = try await queue.complete(next)
        #expect(try await fixture.lease()?.jobs.count == 2)
    }

    /// The worker dies and the job runs again: it counts once.
    @Loop @Test func aCrashCountsNothingTwice() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        let queue = fixture.queue
        _ = try await queue.open(batch)
        _ = try await queue.enqueue(jobs("a", "b"))
        _ = try await queue.seal(batch)
        let lost = try #require(try await fixture.lease())
        try await fixture.abandon(lost)
        try await fixture.tickUntil { $0.suspectsLeft == 2 }
        _ = try await queue.complete(try #require(try await fixture.lease()).jobs)
        #expect(try await queue.complete(lost.jobs).stale.count == 2)
        #expect(try await state(fixture)?.outstanding == 1)
        _ = try await queue.complete(try #require(try await fixture.lease()).jobs)
        #expect(try await fixture.lease()?.jobs.count == 2)
    }

    @Loop @Test func anEmptyBatchEndsWhenItIsSealed() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.open(JobBatch(id: "b", queue: .webhooks, shardKey: "key", onSuccess: .test("s")))
        _ = try await fixture.queue.open(JobBatch(id: "b2", queue: .webhooks, shardKey: "key"))
        _ = try await fixture.queue.enqueue(.test("x", batch: "b2"))
        let sealed = JobBatch(id: "b", queue: .webhooks, shardKey: "key")
        #expect(try await fixture.queue.seal(sealed))
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["x", "s"])
        #expect(try await fixture.queue.stats(.webhooks).sum.batches == 1)
    }

    @Loop @Test func aJobThatReplacesTheLastOneOfItsBatchKeepsTheBatchOpen() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.open(batch)
        let first = NewJob.test("first", delay: .seconds(60), unique: UniqueKey("k", .replace), batch: "import-7")
        _ = try await queue.enqueue(first)
        _ = try await queue.seal(batch)
        #expect(try await queue.enqueue(.test("second", unique: UniqueKey("k", .replace), batch: "import-7")) == .added)
        let second = try #require(try await fixture.lease()).jobs
        #expect(second.map(\.id) == ["second"])
        #expect(try await state(fixture)?.outstanding == 1)
        _ = try await queue.complete(second)
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["completion"])
    }

    @Loop @Test func aFollowUpThatEndsAJobOfAnotherQueueLetsTheBatchEndAllTheSame() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.open(batch)
        _ = try await queue.enqueue(jobs("a"))
        _ = try await queue.seal(batch)
        _ = try await queue.enqueue(.test("later", .notifications, delay: .seconds(60), unique: UniqueKey("k")))
        let replacing = NewJob.test("now", .notifications, unique: UniqueKey("k", .replace))
        _ = try await queue.complete(try #require(try await fixture.lease()).jobs, followUps: [replacing])
        #expect(try await state(fixture) == nil)
        #expect(try await fixture.lease()?.jobs.count == 2)
        #expect(try await fixture.lease(.notifications)?.jobs.map(\.id) == ["now"])
    }

    @Loop @Test func aJobRefusedByItsBatchTakesNoKeyFromItsNamesakeOfTheSameCall() async throws {
        let fixture = try await QueueFixture.make()
        let late = NewJob.test("a", batch: "import-7")
        let outcomes = try await fixture.queue.enqueue([late, .test("a", unique: UniqueKey("k"))])
        #expect(outcomes == [.batchEnded, .added])
        #expect(try await fixture.queue.enqueue(.test("b", unique: UniqueKey("k"))) == .duplicate(of: "a"))
    }

    @Loop @Test func aCheckMendsABatchWhoseJobIsLost() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.open(batch)
        _ = try await fixture.queue.enqueue(jobs("a"))
        _ = try await fixture.queue.seal(batch)
        _ = try await fixture.connection.command(["HDEL", fixture.key("jobs"), "a"])
        let report = try await fixture.queue.check(.webhooks, repair: true)
        #expect(report.findings.map(\.kind) == [.memberWithoutJob])
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["completion"])
    }

    @Loop @Test func whatCannotFollowIsRefused() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        for follower in [
            NewJob.test("a", .clicks), .test("a", delay: .seconds(1)), .test("a", unique: UniqueKey("k")),
            .test("a b"), .test("a", shardKey: "key-1"),
        ] {
            await #expect(throws: QueueError.self) {
                try await fixture.queue.open(
                    JobBatch(id: "b", queue: .webhooks, shardKey: "key", onSuccess: follower))
            }
        }
    }
}
