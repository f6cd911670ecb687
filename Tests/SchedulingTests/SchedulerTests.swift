import Bookkeeping
import Core
import EventLoop
import Glibc
import JobQueue
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import Scheduling

struct SchedulerTests {
    init() { Loop.startThread() }

    @Loop @Test func `a schedule seen for the first time owes nothing of the past`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("* * * * *", missed: .all)
            // Two at once agree on where it begins.
            let (one, other) = (fixture.scheduler(schedule), fixture.scheduler(schedule))
            async let first = one.round()
            async let second = other.round()
            let waits = await [first, second]
            #expect(waits.allSatisfy { $0 > .zero && $0 <= .seconds(60) })
            let slots = try await fixture.firedSlots(schedule)
            #expect(slots.count >= 1)
            #expect(slots[0] <= (try await fixture.clock()))
            // A minute may have begun in between, and no more than that.
            #expect(try await fixture.runDates().count == (slots.count == 1 ? 0 : 1))
        }
    }

    @Loop @Test func `two schedulers at once fire each missed slot once, in order, with its run`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul", missed: .all)
            let clock = try await fixture.clock()
            let last = try #require(
                schedule.slots(after: clock - .seconds(86_400 * 41), through: clock, limit: 100).first)
            try await fixture.lastFired(schedule, last.instant)
            let schedulers = (0..<4).map { _ in fixture.scheduler(schedule) }
            let rounds = schedulers.map { scheduler in Task { @Loop in await scheduler.round() } }
            for round in rounds { _ = await round.value }
            let expected = schedule.slots(after: last.instant, through: try await fixture.clock(), limit: 100)
            #expect(expected.count >= 40)
            #expect(try await fixture.firedSlots(schedule) == [last.instant] + expected.map(\.instant))
            #expect(try await fixture.runDates() == expected.map(\.date.description))
            for slot in expected {
                let job = try await fixture.queue.find(
                    "batch-\(ConfirmationRun.id(of: slot.date))", in: .batches)
                #expect(job != nil)
            }
        }
    }

    @Loop @Test func `of two that want one slot, one fires it`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul")
            let book = SlotBook(pool: fixture.pool)
            let slot = try #require(
                schedule.slots(after: EpochMilliseconds(rawValue: 0), through: try await fixture.clock(), limit: 1)
                    .first)
            let firings = (0..<20).map { _ in Task { @Loop in try await book.fire(slot, of: schedule) } }
            var fired: [String] = []
            for firing in firings { if let owes = try await firing.value { fired.append("\(owes)") } }
            #expect(fired == ["run \(ConfirmationRun.id(of: slot.date))"])
            #expect(try await fixture.firedSlots(schedule) == [slot.instant])
        }
    }

    @Loop @Test func `neither a slot to come nor one before the last is fired`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul")
            let book = SlotBook(pool: fixture.pool)
            let clock = try await fixture.clock()
            let coming = try #require(schedule.nextSlot(after: clock))
            #expect(try await book.fire(coming, of: schedule) == nil)
            let past = schedule.slots(after: EpochMilliseconds(rawValue: 0), through: clock, limit: 2)
            #expect(try await book.fire(past[1], of: schedule) != nil)
            #expect(try await book.fire(past[0], of: schedule) == nil)
            #expect(try await fixture.firedSlots(schedule) == [past[1].instant])
            #expect(try await fixture.runDates() == [past[1].date.description])
        }
    }

    @Loop @Test func `a slot missed while nobody ran is caught up with by the service, once`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul")
            let clock = try await fixture.clock()
            try await fixture.lastFired(schedule, clock - .seconds(86_400 * 5))
            let newest = try #require(
                schedule.slots(after: EpochMilliseconds(rawValue: 0), through: clock, limit: 1).first)
            let scheduler = fixture.scheduler(schedule)
            scheduler.start()
            try await eventually { try await fixture.firedSlots(schedule).count == 2 }
            scheduler.quiet()
            await scheduler.drain()
            #expect(try await fixture.firedSlots(schedule).last == newest.instant)
            #expect(try await fixture.runDates() == [newest.date.description])
            // The restarted one finds nothing.
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.firedSlots(schedule).count == 2)
        }
    }

    @Loop @Test func `a paused schedule fires nothing, and what was due meanwhile is not owed`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul", missed: .all)
            let book = SlotBook(pool: fixture.pool)
            let clock = try await fixture.clock()
            try await fixture.lastFired(schedule, clock - .seconds(86_400 * 5))
            let due = try #require(schedule.slots(after: clock - .seconds(86_400 * 2), through: clock, limit: 1).first)
            let before = try await book.standing(of: schedule)
            #expect(try await book.pause(schedule, by: "kim"))
            #expect(try await !book.pause(schedule, by: "lee"))
            _ = await fixture.scheduler(schedule).round()
            // One that looked before the pause comes too late.
            #expect(before.pausedSince == nil)
            #expect(try await book.fire(due, of: schedule) == nil)
            #expect(try await fixture.runDates().isEmpty)
            #expect(try await book.standing(of: schedule).pausedSince != nil)

            #expect(try await book.resume(schedule))
            #expect(try await !book.resume(schedule))
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.runDates().isEmpty)
            let standing = try await book.standing(of: schedule)
            #expect(standing.pausedSince == nil && standing.last >= clock)
        }
    }

    @Loop @Test func `a schedule that was resumed fires what comes`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("* * * * *", missed: .all)
            let book = SlotBook(pool: fixture.pool)
            #expect(try await book.pause(schedule, by: "kim"))
            #expect(try await book.resume(schedule))
            let standing = try await book.standing(of: schedule)
            // The database's clock cannot be set: as if it had been resumed before the slot that is due now.
            let slot = try #require(
                schedule.slots(after: standing.clock - .seconds(600), through: standing.clock, limit: 1).first)
            _ = try await fixture.pool.query(
                PostgresStatement("test_earlier", "UPDATE schedule_runs SET slot = slot - interval '1 hour'"))
            #expect(try await book.fire(slot, of: schedule) != nil)
        }
    }

    @Loop @Test func `a run is owed though the queue cannot be reached`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul")
            try await fixture.lastFired(schedule, try await fixture.clock() - .seconds(86_400 * 2))
            fixture.stopConnection()
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.runDates().count == 1)
            let owed = try await fixture.pool.query(
                PostgresStatement("test_owed", "SELECT count(*) FROM batch_runs WHERE state = 'owed'"))
            #expect(try owed[0].int(0) == 1)
        }
    }

    @Loop @Test func `a run that an operator asked for first stays as it is`() async throws {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule("0 2 * * *", "Asia/Seoul")
            let clock = try await fixture.clock()
            let slot = try #require(
                schedule.slots(after: EpochMilliseconds(rawValue: 0), through: clock, limit: 1).first)
            let now = slot.instant - .seconds(60)
            let run = ConfirmationRun(pool: fixture.pool)
            let id = try await run.request(date: slot.date, now: now, allowsFuture: false)
            #expect(try await SlotBook(pool: fixture.pool).fire(slot, of: schedule).map { "\($0)" } == "run \(id)")
            #expect(try await run.report(id)?.now == now)
        }
    }

    @Loop @Test func `the wait for a slot runs while the other schedules are looked at`() async throws {
        try await SchedulerFixture.run { fixture in
            let (early, late) = (try schedule(every: "1m", name: "early"), try schedule(every: "1h", name: "late"))
            fixture.time = instant("2026-03-01T00:00:50Z")
            // Nobody has seen the late one yet: the look at it waits for its lock.
            let (locked, release) = (Gate(), Gate())
            let lock = Task { @Loop in
                try await fixture.pool.transaction { transaction in
                    _ = try await transaction.execute(SlotBook.lock, [.text("late")])
                    locked.open()
                    await release.wait()
                }
            }
            await locked.wait()
            let round = Task { @Loop in await fixture.scheduler(early, late).round() }
            try await eventually { try await !fixture.firedSlots(early).isEmpty }
            let seen = Loop.monotonicMilliseconds
            try await eventually { Loop.monotonicMilliseconds >= seen + 300 }
            release.open()
            try await lock.value
            // The slot is 10 s after the clock that was read before all this.
            #expect(await round.value <= .milliseconds(9_800))
        }
    }

    @Loop
    @Test(arguments: [
        (3, 3, Schedule.Missed.all, 3, false), (4, 3, .all, 3, true), (1, 1, .all, 1, false), (2, 1, .all, 1, true),
        (4, 3, .once, 1, false), (4, 3, .skip, 2, false),
    ])
    func `that missed slots are left out is said when some are`(
        due: Int, max: Int, missed: Schedule.Missed, fired: Int, isSaid: Bool
    ) async throws {
        try await SchedulerFixture.run { fixture in
            let start = instant("2026-03-01T00:00:00Z")
            let schedule = try schedule(every: "1m", missed: missed, missedMax: max)
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(due * 60)
            var ends: [Int32] = [0, 0]
            // Should nothing be said, the look for it must not wait.
            #expect(pipe(&ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
            _ = await fixture.scheduler(
                schedule, log: Log(component: "scheduler", writer: LogWriter(descriptor: ends[1]))
            ).round()
            // A few lines, of which the pipe has room for many. That warnings are written is the process's: no test here changes it.
            var lines = [UInt8](repeating: 0, count: 65_536)
            let count = read(ends[0], &lines, lines.count)
            let text = String(decoding: lines.prefix(Swift.max(0, count)), as: UTF8.self)
            #expect(try await fixture.firedSlots(schedule).count == 1 + fired)
            #expect(text.contains("only the newest of the missed slots fire") == isSaid, "\(text)")
            for end in ends { close(end) }
        }
    }

    @Loop @Test func `a look that fails is repeated soon`() async throws {
        try await SchedulerFixture.run { fixture in
            let scheduler = fixture.scheduler(try schedule("0 2 * * *"))
            await fixture.pool.close()
            #expect(await scheduler.round() < .seconds(2))
        }
    }
}
