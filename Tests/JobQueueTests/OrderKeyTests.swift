import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct OrderKeyTests {
    init() { Loop.startThread() }

    private func job(
        _ id: String, key: String = "order-7", delay: Duration = .zero, priority: PriorityBand = .normal,
        queue: QueueName = .webhooks, maxAttempts: Int = 10
    ) -> NewJob {
        .test(id, queue, delay: delay, maxAttempts: maxAttempts, priority: priority, orderKey: key)
    }

    @Loop private func expectNext(_ fixture: QueueFixture, _ ids: [String], line: Int = #line) async throws
        -> [LeasedJob]
    {
        let jobs = try await fixture.lease()?.jobs ?? []
        #expect(jobs.map(\.id) == ids, "line \(line)")
        return jobs
    }

    @Loop @Test func atMostOneJobOfAKeyIsLeased() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([
            job("a-1"), job("a-2"), .test("plain"), job("b-1", key: "order-8"), job("a-3"), job("b-2", key: "order-8"),
        ])
        let stats = try await fixture.queue.stats(.webhooks).sum
        #expect(stats.heldBack == 3 && stats.ready == 3 && stats.leased == 0)
        let first = try await expectNext(fixture, ["plain", "a-1", "b-1"])
        #expect(first[1].orderKey == "order-7")
        _ = try await expectNext(fixture, [])
        #expect(try await fixture.queue.complete([first[1]]) == Settlement())
        let second = try await expectNext(fixture, ["a-2"])
        #expect(try await fixture.queue.complete([first[0], first[2]]) == Settlement())
        #expect(try await fixture.queue.complete(second) == Settlement())
        let last = try await expectNext(fixture, ["b-2", "a-3"])
        #expect(try await fixture.queue.complete(last) == Settlement())
        for suffix in ["heads", "ordered", "jobs", "unique"] {
            #expect(try await fixture.integer("EXISTS", fixture.key(suffix)) == 0, "\(suffix)")
        }
    }

    @Loop @Test func neitherPriorityNorDueTimeOvertakes() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([
            job("first", delay: .milliseconds(30), priority: .low), job("second", priority: .urgent),
            job("third", delay: .milliseconds(1)),
        ])
        #expect(try await fixture.queue.stats(.webhooks).sum.heldBack == 2)
        for id in ["first", "second", "third"] {
            try await fixture.tickUntil { $0.readyLeft == 1 }
            #expect(try await fixture.queue.complete(try await expectNext(fixture, [id])) == Settlement())
        }
    }

    @Loop @Test func aJobThatIsHeldBackWaitsForItsOwnDueTimeAsWell() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([job("first"), job("second", delay: .seconds(60))])
        #expect(try await fixture.queue.enqueue(job("second", delay: .seconds(60))) == .exists(state: .live))
        _ = try await fixture.queue.complete(try await expectNext(fixture, ["first"]))
        let found = try #require(try await fixture.queue.find("second", in: .webhooks))
        #expect(found.state == .scheduled && found.orderKey == "order-7")
        let check = try #require(try await fixture.queue.tick(.webhooks, shard: 0).nextCheck)
        #expect(check <= .seconds(60))
    }

    @Loop @Test func aHeadInBackoffHoldsItsKeyBackUntilItIsDeadAndARedriveJoinsAtTheEnd() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue([job("first", maxAttempts: 2), job("second"), job("third")])
        _ = try await queue.retry(try await expectNext(fixture, ["first"])[0], after: .milliseconds(20), error: "x")
        #expect(try await queue.stats(.webhooks).sum.heldBack == 2)
        try await fixture.tickUntil { $0.readyLeft == 1 }
        let again = try await expectNext(fixture, ["first"])
        _ = try await queue.giveBack(again)
        let died = try await queue.retry(try await expectNext(fixture, ["first"])[0], after: .zero, error: "x").died
        #expect(died == ["first"])
        let second = try await expectNext(fixture, ["second"])
        #expect(try await queue.redriveAll(.webhooks, dryRun: false) == 1)
        #expect(try await queue.complete(second) == Settlement())
        #expect(try await queue.complete(try await expectNext(fixture, ["third"])) == Settlement())
        #expect(try await queue.complete(try await expectNext(fixture, ["first"])) == Settlement())
    }

    /// The head's worker is killed: the key stays with the head, which runs alone, and then goes on.
    @Loop @Test func aCrashKeepsTheOrder() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(250) }
        _ = try await fixture.queue.enqueue([job("first"), job("second")])
        let batch = try #require(try await fixture.lease())
        try await fixture.abandon(batch)
        try await fixture.tickUntil { $0.suspectsLeft == 1 }
        let alone = try #require(try await fixture.lease())
        #expect(alone.jobs.map(\.id) == ["first"] && alone.lease.isAlone)
        #expect(try await fixture.lease() == nil)
        #expect(try await fixture.queue.complete(batch.jobs).stale == ["first"])
        #expect(try await fixture.lease() == nil)
        #expect(try await fixture.queue.complete(alone.jobs) == Settlement())
        #expect(try await fixture.lease()?.jobs.map(\.id) == ["second"])
    }

    @Loop @Test func everyOtherEndLetsTheNextOneGo() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(40) }
        let queue = fixture.queue
        var poisoned = false
        queue.onQuarantine = { _ in poisoned = true }
        var late = job("late")
        late.lifetime = .milliseconds(1)
        _ = try await queue.enqueue([
            job("scheduled", delay: .seconds(60)), job("held"), job("ready"), late, job("poison"), job("last"),
        ])
        #expect(try await queue.cancel("held", in: .webhooks) == .cancelled)
        #expect(try await queue.cancel("scheduled", in: .webhooks) == .cancelled)
        // The held one was cancelled too: it is dropped on its turn, and the next one's turn comes with the next lease.
        _ = try await expectNext(fixture, [])
        #expect(try await queue.cancel("ready", in: .webhooks) == .cancelled)
        _ = try await expectNext(fixture, [])
        try await eventually {
            guard let batch = try await fixture.lease() else { return poisoned }
            if batch.jobs[0].id == "poison" { try await fixture.abandon(batch) }
            return false
        }
        let stats = try await queue.stats(.webhooks).sum
        #expect(stats.expiredTotal == 1 && stats.cancelledTotal == 3 && stats.dead == 1)
        let found = try await queue.find("last", in: .webhooks)
        #expect(found?.state == .leased || found?.state == .ready)
    }

    @Loop @Test func aFollowUpOfTheSameKeyRunsAfterWhatWaits() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([job("first"), job("second")])
        let jobs = try await expectNext(fixture, ["first"])
        #expect(
            try await fixture.queue.complete(jobs, followUps: [job("third"), job("only", key: "x")]) == Settlement())
        let next = try await expectNext(fixture, ["second", "only"])
        #expect(try await fixture.queue.complete(next) == Settlement())
        let third = try await expectNext(fixture, ["third"])
        #expect(try await fixture.queue.complete(third, followUps: [job("fourth")]) == Settlement())
        _ = try await expectNext(fixture, ["fourth"])
    }

    /// 5,000 jobs of 50 keys, worked in random order with failures: of each key they run in the order of their enqueueing.
    @Loop @Test func ordersHoldUnderRandomEnds() async throws {
        let fixture = try await QueueFixture.make()
        let seed = UInt64.random(in: 0 ... .max)
        var random = Seeded(state: seed)
        let jobs = (0..<2000).map { number in
            job(
                "\(number)", key: "key-\(number % 50)",
                priority: PriorityBand.allCases.randomElement(using: &random) ?? .low)
        }
        _ = try await fixture.queue.enqueue(jobs)
        var done: [String: [Int]] = [:]
        var held: [LeasedJob] = []
        while done.values.reduce(0, { $0 + $1.count }) < 2000 {
            if let batch = try await fixture.lease(max: 10) { held += batch.jobs }
            #expect(Set(held.map(\.orderKey)).count == held.count, "seed \(seed)")
            let part = held.shuffled(using: &random).prefix(Int.random(in: 1...20, using: &random))
            var verdicts: [(job: LeasedJob, verdict: JobVerdict)] = []
            for job in part {
                if Int.random(in: 0..<10, using: &random) == 0 {
                    verdicts.append((job, .retry(after: .zero, error: "x")))
                } else {
                    verdicts.append((job, .complete()))
                    done[job.orderKey ?? "", default: []].append(Int(job.id) ?? 0)
                }
            }
            let ids = Set(part.map(\.id))
            held.removeAll { ids.contains($0.id) }
            #expect(try await fixture.queue.settle(verdicts).stale.isEmpty)
        }
        #expect(done.count == 50 && done.values.allSatisfy { $0 == $0.sorted() }, "seed \(seed)")
    }

    @Test func aKeyHasLettersAndALimit() {
        for key in ["", "a b", String(repeating: "x", count: 65)] {
            #expect(NewJob.test("a", orderKey: key).problem(payloadBytesMax: 100) != nil)
        }
    }
}
