import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// What workers tell of their jobs while somebody tails, and that they tell nothing otherwise.
struct JobFeedTests {
    init() { Loop.startThread() }

    @Loop private func reader(_ fixture: QueueFixture) async throws -> JobFeedReader {
        JobFeedReader(
            queue: fixture.queue, connection: try await QueueFixture.connect(to: fixture.redis, purpose: "tail"))
    }

    /// A tail that the fixture's queue knows of.
    @Loop private func tail(_ fixture: QueueFixture) async throws -> JobFeedReader {
        let reader = try await reader(fixture)
        #expect(try await reader.next(within: .milliseconds(1)).events.isEmpty)
        fixture.queue.context.feed.look()
        try await eventually { fixture.queue.context.feed.isTailed }
        return reader
    }

    /// Reads until so many events came.
    @Loop private func read(_ count: Int, _ reader: JobFeedReader) async throws -> JobFeedReader.Piece {
        var all = JobFeedReader.Piece()
        try await eventually {
            let piece = try await reader.next(within: .milliseconds(100))
            all.events += piece.events
            all.leftOut += piece.leftOut
            return all.events.count >= count
        }
        return all
    }

    @Loop @Test func allEventsOfAThousandJobsCome() async throws {
        let fixture = try await QueueFixture.make()
        let reader = try await tail(fixture)
        _ = try await fixture.queue.enqueue(NewJob.tests(1000))
        while let batch = try await fixture.lease(max: 100) { _ = try await fixture.queue.complete(batch.jobs) }
        let all = try await read(2000, reader)
        let ids = Set((0..<1000).map { "job-\($0)" })
        for outcome in [JobEvent.Outcome.leased, .completed] {
            let events = all.events.map(\.event).filter { $0.outcome == outcome }
            #expect(events.count == 1000 && Set(events.map(\.id)) == ids, "\(outcome)")
        }
        #expect(all.events.count == 2000 && all.leftOut == 0)
        let one = try #require(all.events.last)
        #expect(one.worker == "worker-1" && one.event.kind == "test.v1" && one.event.run == 1)
        #expect(one.event.took.map { $0 >= .zero && $0 < .seconds(10) } == true)
        #expect(abs(one.event.at.rawValue - Loop.wallClock.rawValue) < 60_000)
    }

    @Loop @Test func everyOutcomeIsTold() async throws {
        let fixture = try await QueueFixture.make { $0.cancelGrace = .milliseconds(1) }
        let reader = try await tail(fixture)
        let jobs: [NewJob] = [
            .test("done"), .test("again"), .test("last", maxAttempts: 1), .test("bad"), .test("back"), .test("put-off"),
            .test("late", lifetime: .milliseconds(1)),
        ]
        _ = try await fixture.queue.enqueue(jobs + [.test("waits", delay: .seconds(60))])
        #expect(try await fixture.queue.cancel("waits", in: .webhooks) == .cancelled)
        try await Loop.sleep(for: .milliseconds(5))
        let batch = try #require(try await fixture.lease())
        let verdicts: [String: JobVerdict] = [
            "done": .complete(), "again": .retry(after: .seconds(60), error: "not \u{1f} today"),
            "last": .retry(after: .zero, error: "broken"), "bad": .bury(reason: "no such thing"), "back": .giveBack,
            "put-off": .snooze(.seconds(30)),
        ]
        for job in batch.jobs {
            _ = try await fixture.queue.settle([(job: job, verdict: try #require(verdicts[job.id]))])
        }
        let all = try await read(6 + 7 + 1, reader).events.map(\.event)
        #expect(all.filter { $0.outcome == .leased }.count == 6)
        func event(_ id: String) -> JobEvent? { all.first { $0.id == id && $0.outcome != .leased } }
        #expect(event("done")?.outcome == .completed && event("done")?.message == "")
        #expect(event("again")?.outcome == .retried && event("again")?.again == .seconds(60))
        #expect(event("again")?.message == "not   today")
        #expect(event("last")?.outcome == .dead && event("last")?.again == nil && event("last")?.message == "broken")
        #expect(event("bad")?.outcome == .dead && event("bad")?.message == "no such thing")
        #expect(event("back")?.outcome == .givenBack)
        #expect(event("put-off")?.outcome == .snoozed && event("put-off")?.again == .seconds(30))
        #expect(event("late")?.outcome == .expired)
        #expect(event("waits")?.outcome == .cancelled)
    }

    @Loop @Test func aQuarantineIsTold() async throws {
        let fixture = try await QueueFixture.make {
            $0.lease = .milliseconds(200)
            $0.crashesMax = 1
        }
        let dying = try await fixture.another()
        _ = try await fixture.queue.enqueue(.test("poison"))
        let reader = try await tail(fixture)
        // A worker that takes it and is heard of no more: its heartbeat goes over a connection that is closed.
        _ = try await dying.lease()
        dying.connection.close()
        try await fixture.tickUntil { $0.suspectsLeft == 1 }
        let second = try await fixture.another()
        #expect(try await second.lease()?.jobs.count == 1)
        second.connection.close()
        var events: [JobEvent] = []
        try await eventually {
            _ = try await fixture.queue.tick(.webhooks, shard: 0)
            events += try await reader.next(within: .milliseconds(5)).events.map(\.event)
            return events.contains { $0.outcome == .quarantined }
        }
        let event = events.first { $0.outcome == .quarantined }
        #expect(event?.id == "poison" && event?.message.contains("worker-2") == true)
    }

    // MARK: Nobody tails

    @Loop @Test func nothingIsToldToNobody() async throws {
        let fixture = try await QueueFixture.make()
        fixture.queue.context.feed.look()
        _ = try await fixture.queue.enqueue(NewJob.tests(10))
        _ = try await fixture.queue.complete(try #require(try await fixture.lease()).jobs)
        // Nothing was even gathered. It would be sent, and thrown away, in a moment.
        #expect(fixture.queue.context.feed.events.isEmpty)
        for key in JobFeed.keys(prefix: fixture.configuration.prefix) {
            #expect(try await fixture.integer("EXISTS", .string(key)) == 0)
        }
        #expect(!fixture.queue.context.feed.isTailed)
    }

    /// The commands of a settle, counted by Redis, before anybody tailed and after: the same.
    @Loop @Test func aSettleWithoutATailSendsWhatItAlwaysSent() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        func settled(_ round: String) async throws -> [String: Int] {
            _ = try await fixture.queue.enqueue((0..<10).map { .test("\(round)-\($0)") })
            let batch = try #require(try await fixture.lease())
            _ = try await fixture.connection.command(["CONFIG", "RESETSTAT"])
            _ = try await fixture.queue.complete(batch.jobs)
            // What was gathered would be sent a moment later, when nobody counts any more.
            let feed = fixture.queue.context.feed
            #expect(feed.isTailed || feed.events.isEmpty)
            return try await fixture.commandStats().mapValues(\.calls).filter { name, _ in
                name != "info" && !name.hasPrefix("config")
            }
        }
        _ = try await settled("first")
        let before = try await settled("before")
        #expect(before["evalsha"] == 1 && before["xadd"] == nil && before["pttl"] == nil)
        let reader = try await tail(fixture)
        _ = try await settled("with")
        _ = try await read(20, reader)
        // The tail ends: its key goes, and the next call that tells something hears of it.
        _ = try await fixture.connection.command([
            "DEL", .string(JobFeed.keys(prefix: fixture.configuration.prefix)[1]),
        ])
        fixture.queue.context.feed.look()
        try await eventually { !fixture.queue.context.feed.isTailed }
        #expect(try await settled("after") == before)
    }

    // MARK: Learning of a tail

    @Loop @Test func aWorkerThatWaitsIsCalled() async throws {
        let fixture = try await QueueFixture.make()
        let wake = try await QueueFixture.connect(
            to: fixture.redis, purpose: "wake-webhooks", clientName: "tributary-test")
        let source = LeaseSource(queue: fixture.queue, name: .webhooks, wakeConnection: wake)
        source.start()
        async let batch = source.next(max: 10)
        try await eventually {
            try await fixture.connection.command(["CLIENT", "LIST"]).string?.split(separator: "\n").contains {
                $0.contains("name=tributary-test:wake-webhooks ") && $0.contains("cmd=blpop")
            } == true
        }
        #expect(!fixture.queue.context.feed.isTailed)
        let reader = try await reader(fixture)
        _ = try await reader.next(within: .milliseconds(1))
        try await eventually(within: .seconds(2)) { fixture.queue.context.feed.isTailed }
        // Whoever was called waits again, and is woken as ever.
        _ = try await fixture.queue.enqueue(.test("a"))
        _ = try await fixture.queue.complete(try #require(await batch).jobs)
        #expect(try await read(2, reader).events.map(\.event.outcome) == [.leased, .completed])
        await source.stop()
        wake.close()
    }

    @Loop @Test func aWorkerThatStartsUnderATailKnowsOfIt() async throws {
        let fixture = try await QueueFixture.make()
        let reader = try await reader(fixture)
        _ = try await reader.next(within: .milliseconds(1))
        let wake = try await QueueFixture.connect(to: fixture.redis, purpose: "wake")
        let source = LeaseSource(queue: fixture.queue, name: .webhooks, wakeConnection: wake)
        source.start()
        try await eventually(within: .seconds(2)) { fixture.queue.context.feed.isTailed }
        await source.stop()
        wake.close()
    }

    // MARK: Bounds

    @Loop @Test func whatFindsNoRoomIsLeftOutAndCounted() async throws {
        let fixture = try await QueueFixture.make()
        let reader = try await tail(fixture)
        let feed = fixture.queue.context.feed
        func event(_ outcome: JobEvent.Outcome, _ number: Int) -> JobEvent {
            JobEvent(
                at: Loop.wallClock, outcome: outcome, queue: .webhooks, shard: 0, id: "job-\(number)", kind: "test.v1")
        }
        // In one turn, so nothing is sent in between.
        for number in 0..<JobFeed.waitingMax { feed.add(event(.completed, number)) }
        for number in 0..<JobFeed.waitingMax { feed.add(event(.retried, number)) }
        let half = JobFeed.waitingMax / 2
        let all = try await read(JobFeed.waitingMax, reader)
        // Failures have half of the room for themselves.
        #expect(all.events.filter { $0.event.outcome == .completed }.count == half)
        #expect(all.events.filter { $0.event.outcome == .retried }.count == half)
        #expect(all.leftOut == JobFeed.waitingMax)
    }

    @Loop @Test func aFullMemoryLeavesEventsOutAndNothingElse() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        let reader = try await tail(fixture)
        _ = try await fixture.queue.enqueue(NewJob.tests(20))
        _ = try await fixture.connection.command(["CONFIG", "SET", "maxmemory", "1"])
        let batch = try #require(try await fixture.lease())
        #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
        // Longer than the pause before a call: it goes out, and is refused.
        try await Loop.sleep(for: .milliseconds(150))
        _ = try await fixture.connection.command(["CONFIG", "SET", "maxmemory", "0"])
        _ = try await fixture.queue.enqueue(.test("after"))
        _ = try await fixture.queue.complete(try #require(try await fixture.lease()).jobs)
        let all = try await read(2, reader)
        #expect(all.events.map(\.event.id) == ["after", "after"] && all.leftOut == 40)
    }

    @Loop @Test func whatIsToldWhileAnotherPieceIsOnItsWayIsCountedOnce() async throws {
        let fixture = try await QueueFixture.make()
        let reader = try await tail(fixture)
        let feed = fixture.queue.context.feed
        func event(_ id: String) -> JobEvent {
            JobEvent(at: Loop.wallClock, outcome: .cancelled, queue: .webhooks, shard: 0, id: id)
        }
        async let one: Void = feed.tellOnce(event("a"))
        async let other: Void = feed.tellOnce(event("b"))
        _ = await (one, other)
        await feed.tellOnce(event("c"))
        let all = try await read(3, reader)
        #expect(all.events.map(\.event.id).sorted() == ["a", "b", "c"] && all.leftOut == 0)
    }

    /// As when a worker has stopped: its look is on its way, and nobody holds the queue any more.
    @Loop @Test func aQueueThatIsLetGoOfMeanwhileFinishesItsLook() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await tail(fixture)
        weak var context: QueueContext?
        do {
            let queue = JobQueue(connection: fixture.connection, configuration: fixture.configuration)
            context = queue.context
            queue.context.feed.look()
        }
        #expect(context != nil, "its look is on its way")
        try await eventually { context == nil }
    }

    @Test func eventsAreReadAsTheyWereWritten() throws {
        let full = JobEvent(
            at: EpochMilliseconds(rawValue: 1_700_000_000_123), outcome: .retried, queue: .webhooks, shard: 3,
            id: "a-1",
            kind: "delivery.v1", run: 4, took: .milliseconds(17), again: .seconds(9), message: "répondu: 503")
        let bare = JobEvent(
            at: EpochMilliseconds(rawValue: 1), outcome: .givenBack, queue: .clicks, shard: 0, id: "b")
        for event in [full, bare] {
            #expect(JobEvent(event.encoded) == event)
            // A later release may say more.
            #expect(JobEvent(event.encoded + [0x1F, 0x41]) == event)
        }
        #expect(JobEvent([]) == nil && JobEvent(Array("1\u{1f}leased".utf8)) == nil)
    }
}
