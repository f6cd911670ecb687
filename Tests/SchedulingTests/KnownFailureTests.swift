import Core
import EventLoop
import JobQueue
import Postgres
import TestSupport
import Testing

@testable import Scheduling

/// What leaders and clocks do to the schedulers of others.
struct KnownFailureTests {
    init() { Loop.startThread() }

    private let start = instant("2026-03-01T00:00:00Z")

    /// A scheduler reads where the schedule stands and stands still, as by SIGSTOP or a long pause of its machine. Others go on without
    /// it. When it wakes it does all that it was about to: fires what it saw due, and enqueues what it believes is owed.
    @Loop @Test func `known failure 18: a scheduler that stood still and goes on as if it led enqueues nothing`()
        async throws
    {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            fixture.time = start + .seconds(120)
            let stale = try await fixture.book.standing(of: schedule)
            let due = schedule.dueSlots(after: stale.last, at: stale.clock)
            #expect(due.count == 2)
            let job = try #require(
                due.last.map {
                    JobTemplate(queue: .batches, kind: "test.v1", shardKey: "test").job(for: $0, of: "test")
                })

            fixture.time = start + .seconds(300)
            _ = await fixture.scheduler(schedule).round()
            #expect(try await fixture.readyIDs().count == 5)
            // All of it has run and left no trace.
            try await fixture.completeAll()

            for slot in due { #expect(try await fixture.book.fire(slot, of: schedule) == nil) }
            let slot = due[1].instant
            #expect(try await fixture.queue.enqueue(job, ofSlot: slot, of: "test") == .seen)
            try await fixture.book.settle([slot], of: "test")
            #expect(try await fixture.readyIDs().isEmpty)
            #expect(try await fixture.firedSlots(schedule).count == 6)
        }
    }

    /// The host's clock is never asked; this is what would happen if it were, and what a scheduler of an attacker could not do.
    @Loop @Test
    func `a scheduler that believes it is five minutes later fires nothing early and takes nothing from the others`()
        async throws
    {
        try await SchedulerFixture.run { fixture in
            let schedule = try schedule(every: "1m")
            try await fixture.lastFired(schedule, start)
            for minute in 1...10 {
                fixture.time = start + .seconds(minute * 60) + .milliseconds(20)
                let clock = try #require(fixture.time)
                let standing = try await fixture.book.standing(of: schedule)
                for slot in schedule.dueSlots(after: standing.last, at: clock + .seconds(300)) {
                    let fired = try await fixture.book.fire(slot, of: schedule)
                    #expect((fired != nil) == (slot.instant <= clock), "\(slot.instant.rfc3339)")
                }
                _ = await fixture.scheduler(schedule).round()
            }
            let slots = (1...10).map { start + .seconds($0 * 60) }
            #expect(try await fixture.firedSlots(schedule) == [start] + slots)
            #expect(try await fixture.readyIDs() == slots.map { "test.\($0.rfc3339Seconds)" })
        }
    }

    /// Seeded: two schedulers over a week with both changes of the clocks squeezed in, in which either may die between any two steps of
    /// its work, and jobs run at once, later or never.
    @Loop @Test(arguments: ["America/New_York", "Australia/Lord_Howe"])
    func `two schedulers that die between any two steps fire and enqueue each slot once`(zone: String) async throws {
        let seed = SeededGenerator.seedOfThisRun
        var random = SeededGenerator(seed: seed)
        try await SchedulerFixture.run { fixture in
            let from = instant(zone == "America/New_York" ? "2026-03-08T00:00:00Z" : "2026-04-03T15:00:00Z")
            let schedule = Schedule(
                name: "test", .cron(try CronExpression("*/20 * * * *")), zoneName: zone,
                zone: try TimeZoneRules.system(zone),
                work: .job(JobTemplate(queue: .batches, kind: "test.v1", shardKey: "test")), overlap: .both,
                missed: .all, missedMax: 1000)
            try await fixture.lastFired(schedule, from)
            fixture.time = from
            var run: [String] = []
            let end = from + .seconds(40 * 3600)
            while let time = fixture.time, time < end {
                fixture.time = time + .seconds(Int.random(in: 60...4000, using: &random))
                for _ in 0..<2 {
                    try await dyingRound(fixture, schedule, &random)
                    if random.chance(50) { run += try await fixture.completeAll() }
                }
            }
            _ = await fixture.scheduler(schedule).round()
            run += try await fixture.completeAll()
            let expected = schedule.slots(after: from, through: try #require(fixture.time), limit: 1000)
            #expect(expected.count >= 100, "seed \(seed)")
            #expect(run == expected.map { "test.\($0.instant.rfc3339Seconds)" }, "seed \(seed)")
            #expect(try await fixture.firedSlots(schedule) == [from] + expected.map(\.instant), "seed \(seed)")
            #expect(try await fixture.owedCount() == 0)
        }
    }

    /// The steps of ``Scheduler/round()``, of which the last ones may be left undone.
    @Loop private func dyingRound(
        _ fixture: SchedulerFixture, _ schedule: Schedule, _ random: inout SeededGenerator
    ) async throws {
        var life = random.chance(40) ? Int.random(in: 0...6, using: &random) : .max
        func dies() -> Bool {
            life -= 1
            return life < 0
        }
        let standing = try await fixture.book.standing(of: schedule)
        for slot in schedule.dueSlots(after: standing.last, at: standing.clock) {
            if dies() { return }
            _ = try await fixture.book.fire(slot, of: schedule)
        }
        for row in try await fixture.book.owed(after: "", from1970, limit: 1000) {
            if dies() { return }
            _ = try await fixture.queue.enqueue(try OwedJob(text: row.text).job, ofSlot: row.slot, of: row.schedule)
            if dies() { return }
            try await fixture.book.settle([row.slot], of: row.schedule)
        }
    }

    private let from1970 = EpochMilliseconds(rawValue: 0)
}
