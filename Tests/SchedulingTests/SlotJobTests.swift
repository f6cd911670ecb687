import Core
import EventLoop
import JobQueue
import Postgres
import Redis
import TestSupport
import Testing

@testable import Scheduling

/// Schedules that enqueue a job for each slot: fired once, enqueued once, whoever dies in between.
struct SlotJobTests {
    init() { Loop.startThread() }

    private let start = instant("2026-03-01T00:00:00Z")

    /// Of a round that began then: it wants to look again so much after one of its looks at the clock.
    @Loop private func expectWait(_ wait: Duration, _ wanted: Duration, since begin: Int64) {
        let passed = Duration.milliseconds(Loop.monotonicMilliseconds - begin)
        #expect(wait <= wanted && wait >= wanted - passed)
    }

    @Loop @Test func `each slot's job is enqueued once, in order, by any number of schedulers`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(605)
            let schedulers = (0..<4).map { _ in fixture.scheduler(schedule) }
            let begin = Loop.monotonicMilliseconds
            let rounds = schedulers.map { scheduler in Task { @Loop in await scheduler.round() } }
            for round in rounds { expectWait(await round.value, .seconds(55), since: begin) }
            let slots = (1...10).map { start + .seconds($0 * 60) }
            #expect(try await fixture.firedSlots(schedule) == [start] + slots)
            #expect(try await fixture.readyIDs() == slots.map { "test.\($0.rfc3339Seconds)" })
            #expect(try await fixture.owedCount() == 0)
            let job = try #require(
                try await fixture.queue.find("test.2026-03-01T00:10:00Z", in: .batches, shardKey: "test"))
            #expect(
                String(decoding: job.payload, as: UTF8.self)
                    == #"{"schedule":"test","slot":"2026-03-01T00:10:00Z","date":"2026-03-01"}"#)
        }
    }

    @Loop @Test func `a scheduler that dies before it enqueues leaves the job owed, and another one enqueues it`()
        async throws
    {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(60)
            let slot = schedule.slot(at: start + .seconds(60))
            // It fires, and is never heard of again.
            #expect(try await fixture.book.fire(slot, of: schedule) != nil)
            #expect(try await fixture.owedCount() == 1)
            #expect(try await fixture.readyIDs().isEmpty)
            // Even one that does not know the schedule any more does what was promised.
            _ = await fixture.scheduler().round()
            #expect(try await fixture.readyIDs() == ["test.2026-03-01T00:01:00Z"])
            #expect(try await fixture.owedCount() == 0)
        }
    }

    @Loop @Test func `a job that ran before its row was told is not enqueued again`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            let slot = schedule.slot(at: start)
            fixture.time = start
            guard case .job(let job)? = try await fixture.book.fire(slot, of: schedule) else {
                Issue.record("it did not fire")
                return
            }
            // The scheduler enqueues and dies; the job runs and leaves no trace.
            #expect(try await fixture.queue.enqueue(job, ofSlot: slot.instant, of: schedule.name) == .enqueued)
            try await fixture.completeAll()
            #expect(try await fixture.owedCount() == 1)
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.owedCount() == 0)
            #expect(try await fixture.readyIDs().isEmpty)
            // Another job's digest under the id is a slot's conflict, and no slot waits for it.
            fixture.time = start + .seconds(60)
            let next = "test.\(fixture.time!.rfc3339Seconds)"
            _ = try await fixture.queue.enqueue(
                NewJob(id: next, queue: .batches, kind: "other.v1", payload: [], shardKey: "test"))
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.owedCount() == 0)
            #expect(try await fixture.queue.find(next, in: .batches, shardKey: "test")?.kind == "other.v1")
        }
    }

    @Loop @Test func `while Redis is away slots fire and are owed, and its return enqueues them in order`() async throws
    {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(180)
            let away = fixture.queueThatIsAway()
            #expect(await fixture.scheduler(schedule, queue: away).round() < .seconds(2))
            #expect(try await fixture.owedCount() == 3)
            let begin = Loop.monotonicMilliseconds
            expectWait(await fixture.scheduler(schedule).round(), .seconds(60), since: begin)
            #expect(
                try await fixture.readyIDs() == (1...3).map { "test.\((start + .seconds($0 * 60)).rfc3339Seconds)" })
        }
    }

    @Loop @Test func `a job that no replica has stays owed, where one is required`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(60)
            let connection = RedisClient(fixture.queue.connection.configuration, purpose: "replicated")
            connection.start()
            defer { connection.close() }
            try await connection.waitUntilReady(within: .seconds(10))
            // This Redis has no replica.
            let demand = ReplicaDemand(replicas: 1, within: .milliseconds(20))
            let queue = JobQueue(
                connection: fixture.queue.connection, configuration: fixture.queue.configuration,
                replicated: ReplicatedEnqueues(demand, connections: [connection]))
            #expect(await fixture.scheduler(schedule, queue: queue).round() < .seconds(2))
            #expect(try await fixture.owedCount() == 1)
            // The repeat finds the slot there, and waits for replicas all the same.
            _ = await fixture.scheduler(schedule, queue: queue).round()
            #expect(try await fixture.owedCount() == 1)
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.owedCount() == 0)
            #expect(try await fixture.readyIDs() == ["test.2026-03-01T00:01:00Z"])
        }
    }

    @Loop @Test func `a row that cannot be read holds back its own schedule only`() async throws {
        try await SchedulerFixture.run { fixture in
            let (bad, good) = (try schedule(every: "1m", name: "a-bad"), try schedule(every: "1m", name: "b-good"))
            fixture.time = start
            for schedule in [bad, good] { _ = try await fixture.book.fire(schedule.slot(at: start), of: schedule) }
            try await fixture.pool.executeScript("UPDATE schedule_runs SET owed_job = '{}' WHERE schedule = 'a-bad'")
            fixture.time = start + .seconds(60)
            #expect(await fixture.scheduler(bad, good).round() < .seconds(2))
            #expect(
                try await fixture.readyIDs(of: "b-good") == [
                    "b-good.2026-03-01T00:00:00Z", "b-good.2026-03-01T00:01:00Z",
                ])
            #expect(try await fixture.readyIDs(of: "a-bad").isEmpty)
            #expect(try await fixture.owedCount() == 2)
        }
    }

    @Loop @Test func `a full queue does not refuse what a slot promised`() async throws {
        try await SchedulerFixture.run { fixture in
            var configuration = fixture.queue.configuration
            configuration.lengthMax = [.batches: 1]
            let queue = JobQueue(connection: fixture.queue.connection, configuration: configuration)
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(300)
            _ = await fixture.scheduler(schedule, queue: queue).round()
            #expect(try await fixture.readyIDs().count == 5)
        }
    }

    @Loop @Test func `of many missed slots as many fire as the schedule says`() async throws {
        try await SchedulerFixture.run { fixture in
            for (missed, count) in [(Schedule.Missed.all, 7), (.once, 1), (.skip, 7)] {
                let schedule = try schedule(every: "1s", missed: missed, missedMax: 7, name: missed.rawValue)
                try await fixture.lastFired(schedule, start)
                fixture.time = start + .seconds(3600)
                _ = await fixture.scheduler(schedule).round()
                let ids = try await fixture.readyIDs(of: missed.rawValue)
                #expect(ids.count == count && ids.last == "\(missed.rawValue).2026-03-01T01:00:00Z", "\(missed)")
            }
        }
    }

    @Loop @Test func `of a long history the newest rows stay, and what is owed`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            fixture.time = start
            _ = try await fixture.book.fire(schedule.slot(at: start), of: schedule)
            for minute in 1...30 { try await fixture.lastFired(schedule, start + .seconds(minute * 60)) }
            try await fixture.book.forget(schedule, beyond: 10)
            let slots = try await fixture.firedSlots(schedule)
            // The eleventh is where the others are told from.
            #expect(slots == [start] + (20...30).map { start + .seconds($0 * 60) })
            // What was deleted does not fire again.
            fixture.time = start + .seconds(1800)
            #expect(try await fixture.book.fire(schedule.slot(at: start + .seconds(300)), of: schedule) == nil)
        }
    }

    @Test func `an owed job survives its row byte for byte`() throws {
        let job = NewJob(
            id: "a.2026-03-01T00:00:00Z", queue: .notifications, kind: "a.v1",
            payload: Array(#"{"b":1.50,"a":"ü\"\\","c":1e2}"#.utf8), shardKey: "shop-4", maxAttempts: 3, priority: .low,
            orderKey: "reports")
        let read = try OwedJob(text: OwedJob(job).text).job
        #expect(read.id == job.id && read.queue == job.queue && read.kind == job.kind && read.payload == job.payload)
        #expect(read.shardKey == job.shardKey && read.maxAttempts == 3 && read.priority == .low)
        #expect(read.orderKey == "reports")
        #expect(throws: OwedJob.Unreadable.self) { try OwedJob(text: #"{"id":"a"}"#) }
    }
}
