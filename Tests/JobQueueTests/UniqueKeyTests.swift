import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct UniqueKeyTests {
    init() { Loop.startThread() }

    private func job(
        _ id: String, _ mode: UniqueKey.Mode = .reject, delay: Duration = .zero, queue: QueueName = .webhooks,
        maxAttempts: Int = 10
    ) -> NewJob {
        .test(id, queue, delay: delay, maxAttempts: maxAttempts, unique: UniqueKey("partner-7", mode))
    }

    @Loop private func expectFree(_ fixture: QueueFixture, line: Int = #line) async throws {
        #expect(try await fixture.queue.stats(.webhooks).sum.uniqueKeys == 0, "line \(line)")
        #expect(try await fixture.queue.enqueue(job("next-\(line)")) == .added)
    }

    @Loop @Test func aSecondJobIsRefusedByTheNameOfTheFirst() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        #expect(try await queue.enqueue(job("a")) == .added)
        #expect(try await queue.enqueue(job("a")) == .exists(state: .live))
        #expect(
            try await queue.enqueue([job("b"), .test("other"), job("c")])
                == [.duplicate(of: "a"), .added, .duplicate(of: "a")])
        let leased = try #require(try await fixture.lease())
        #expect(leased.jobs[0].unique == UniqueKey("partner-7"))
        #expect(try await queue.enqueue(job("b")) == .duplicate(of: "a"))
        // Of one call the first has it.
        #expect(
            try await queue.enqueue([
                .test("x", unique: UniqueKey("k")), .test("y", unique: UniqueKey("k")),
                .test("x", unique: UniqueKey("k")),
            ]) == [.added, .duplicate(of: "x"), .exists(state: .live)])
    }

    @Loop @Test func everyEndGivesTheKeyFree() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        func lease() async throws -> LeasedJob {
            let batch = try #require(try await fixture.lease())
            for other in batch.jobs where other.unique == nil { _ = try await queue.complete([other]) }
            return try #require(batch.jobs.first { $0.unique != nil })
        }
        _ = try await queue.enqueue([.test("plain"), job("a")])
        #expect(try await queue.complete([try await lease()]) == Settlement())
        try await expectFree(fixture)
        _ = try await queue.bury(try await lease(), reason: "no")
        try await expectFree(fixture)
        let last = try await lease()
        _ = try await queue.retry(last, after: .zero, error: "once")
        #expect(try await queue.enqueue(job("b")) == .duplicate(of: last.id))
        #expect(try await queue.cancel(last.id, in: .webhooks) == .cancelled)
        // Free at once, though the cancelled one stands in its list still.
        #expect(try await queue.enqueue(job("c")) == .added)
        #expect(try await lease().id == "c")
        #expect(try await queue.cancel("c", in: .webhooks) == .requested)
        #expect(try await queue.enqueue(job("d", delay: .seconds(60))) == .added)
        #expect(try await queue.cancel("d", in: .webhooks) == .cancelled)
        try await expectFree(fixture)
    }

    @Loop @Test func anExpiredAndAQuarantinedJobGiveTheirKeysFree() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(40) }
        var late = job("late")
        late.lifetime = .milliseconds(1)
        _ = try await fixture.queue.enqueue(late)
        try await eventually {
            if let batch = try await fixture.lease() { _ = try await fixture.queue.giveBack(batch.jobs) }
            return try await fixture.queue.stats(.webhooks).sum.expiredTotal == 1
        }
        try await expectFree(fixture)
        var isQuarantined = false
        fixture.queue.onQuarantine = { _ in isQuarantined = true }
        try await eventually {
            if let batch = try await fixture.lease() { try await fixture.abandon(batch) }
            return isQuarantined
        }
        try await expectFree(fixture)
    }

    @Loop @Test func aReplacementCancelsWhatWaitsAndOutlivesWhatRuns() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue([job("first", .replace), .test("plain")])
        #expect(try await queue.enqueue(job("second", .replace, delay: .milliseconds(1))) == .added)
        #expect(try await queue.enqueue(job("third", .replace)) == .added)
        #expect(try await queue.find("first", in: .webhooks)?.state == .cancelled)
        #expect(try await queue.find("second", in: .webhooks) == nil)
        let batch = try #require(try await fixture.lease())
        #expect(batch.jobs.map(\.id) == ["plain", "third"])
        #expect(try await queue.enqueue(job("fourth", .replace)) == .added)
        #expect(try await queue.retry(batch.jobs[1], after: .zero, error: "x").cancelled == ["third"])
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["fourth"])
        #expect(try await queue.stats(.webhooks).sum.cancelledTotal == 3)
        // Of one call the last one waits.
        let jobs = (0..<5).map { NewJob.test("job-\($0)", unique: UniqueKey("k", .replace)) }
        #expect(try await queue.enqueue(jobs).allSatisfy { $0 == .added })
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["job-4"])
    }

    @Loop @Test func aBurstIsDebouncedToItsLastJob() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        for number in 0..<5 {
            #expect(try await queue.enqueue(job("job-\(number)", .debounce, delay: .seconds(60))) == .added)
        }
        #expect(try await fixture.strings("ZRANGE", fixture.key("scheduled"), 0, -1) == ["job-4"])
        // One that is due runs, and the next one after it.
        #expect(try await queue.enqueue(job("now", .debounce)) == .added)
        #expect(try await queue.enqueue(job("later", .debounce, delay: .seconds(60))) == .added)
        let batch = try #require(try await fixture.lease())
        #expect(batch.jobs.map(\.id) == ["now"])
        #expect(try await queue.complete(batch.jobs) == Settlement())
        #expect(try await queue.enqueue(job("x")) == .duplicate(of: "later"))
        #expect(try await queue.cancel("later", in: .webhooks) == .cancelled)
        try await expectFree(fixture)
    }

    @Loop @Test func aKeyWhoseJobIsGoneHealsByItself() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.connection.command(["HSET", fixture.key("unique"), "partner-7", "ghost"])
        #expect(try await fixture.queue.enqueue(job("a")) == .added)
        #expect(try await fixture.queue.enqueue(job("b")) == .duplicate(of: "a"))
        // A job of that name which has another key, or none, does not count either.
        _ = try await fixture.queue.enqueue(.test("plain"))
        _ = try await fixture.connection.command(["HSET", fixture.key("unique"), "partner-8", "plain"])
        #expect(try await fixture.queue.enqueue(.test("c", unique: UniqueKey("partner-8"))) == .added)
    }

    /// It would end the job that has the key, or one of the same call, and then not be there itself.
    @Loop @Test func aJobThatComesTooLateForItsBatchReplacesNobody() async throws {
        let fixture = try await QueueFixture.make()
        func job(_ id: String, batch: String? = nil) -> NewJob {
            .test(id, delay: .seconds(60), unique: UniqueKey("key", .replace), batch: batch)
        }
        #expect(try await fixture.queue.enqueue([job("a"), job("late", batch: "ended")]) == [.added, .batchEnded])
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .scheduled)
        #expect(try await fixture.queue.enqueue(job("late", batch: "ended")) == .batchEnded)
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .scheduled)
        #expect(try await fixture.queue.enqueue(job("b")) == .added)
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state != .scheduled)
    }

    @Loop @Test func aRedrivenJobTakesItsKeyAgainUnlessItIsTaken() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue(job("a"))
        _ = try await queue.bury(try #require(try await fixture.lease()).jobs[0], reason: "no")
        let dead = try await queue.deadLetters(.webhooks).jobs
        _ = try await queue.enqueue(job("b"))
        #expect(try await queue.redrive(dead) == 0)
        #expect(try await queue.find("a", in: .webhooks)?.state == .dead)
        _ = try await queue.complete(try #require(try await fixture.lease()).jobs)
        #expect(try await queue.redrive(dead) == 1)
        #expect(try await queue.enqueue(job("c")) == .duplicate(of: "a"))
    }

    /// A job that enqueues its own successor, as a chain of runs does.
    @Loop @Test func aFollowUpTakesTheKeyOfTheJobItFollows() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue(job("a"))
        let first = try #require(try await fixture.lease())
        #expect(try await queue.complete(first.jobs, followUps: [job("b"), job("c")]) == Settlement())
        #expect(try await queue.enqueue(job("d")) == .duplicate(of: "b"))
        #expect(try await queue.find("c", in: .webhooks) == nil)
    }

    @Loop @Test func aFollowUpThatTakesTheKeyOfAJobThatDiesInTheSameCallLeavesItDead() async throws {
        let fixture = try await QueueFixture.make()
        let dying = NewJob.test("dies", unique: UniqueKey("k"))
        _ = try await fixture.queue.enqueue([.test("first"), dying])
        let jobs = try #require(try await fixture.lease()).jobs
        let next = NewJob.test("next", unique: UniqueKey("k", .replace))
        _ = try await fixture.queue.settle([
            (job: jobs[0], verdict: .complete(followUps: [next])), (job: jobs[1], verdict: .bury(reason: "broken")),
        ])
        #expect(try await fixture.queue.enqueue(dying) == .exists(state: .dead))
        #expect(try await fixture.queue.deadLetters(.webhooks).jobs.first?.failures.last?.message == "broken")
        #expect(try await fixture.queue.enqueue(.test("late", unique: UniqueKey("k"))) == .duplicate(of: "next"))
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["next"])
    }

    @Test func aKeyHasLettersAndALimit() {
        for key in ["", "a b", String(repeating: "x", count: 65)] {
            #expect(NewJob.test("a", unique: UniqueKey(key)).problem(payloadBytesMax: 100) != nil)
        }
    }
}
