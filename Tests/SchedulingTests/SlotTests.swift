import Core
import Testing

@testable import Scheduling

struct SlotTests {
    private func all(_ schedule: Schedule, _ from: String, _ to: String) -> [Slot] {
        var slots: [Slot] = []
        while let next = schedule.nextSlot(after: slots.last?.instant ?? instant(from)), next.instant <= instant(to) {
            slots.append(next)
        }
        return slots
    }

    private func text(_ slots: [Slot]) -> [String] { slots.map { "\($0.date) \($0.instant.rfc3339)" } }

    @Test(arguments: [2011, 2024, 2025, 2026, 2061], zoneNames)
    func `2 AM comes exactly once on every day of a year`(year: Int, zone: String) throws {
        let schedule = try schedule("0 2 * * *", zone)
        let (first, last) = (
            try #require(CivilDate(year: year, month: 1, day: 1)),
            try #require(CivilDate(year: year, month: 12, day: 31))
        )
        let slots = all(schedule, "\(year - 1)-12-25T00:00:00Z", "\(year + 1)-01-07T00:00:00Z").filter {
            $0.date >= first && $0.date <= last
        }
        // Samoa went without 30 December 2011 when it crossed the date line.
        let missing = zone == "Pacific/Apia" && year == 2011 ? ["2011-12-30"] : []
        let dates = (first.daysSinceEpoch...last.daysSinceEpoch).map { CivilDate(daysSinceEpoch: $0) }
            .filter { !missing.contains($0.description) }
        #expect(slots.map(\.date) == dates)
        #expect(slots.map(\.instant) == slots.map(\.instant).sorted())
        for slot in slots {
            let second = slot.instant.rawValue / 1000
            let offset = schedule.zone.offset(at: second)
            let wall = second + Int64(offset) - Int64(slot.date.daysSinceEpoch) * 86_400
            // 02:00 on its own day; otherwise the instant at which the clocks jumped over it.
            let jump = offset - schedule.zone.offset(at: second - 1)
            #expect(wall == 7200 || wall > 7200 && wall - Int64(jump) <= 7200, "\(zone) \(slot)")
        }
        #expect(
            schedule.slots(
                after: instant("\(year - 1)-12-25T00:00:00Z"), through: slots[slots.count - 1].instant,
                limit: slots.count) == slots)
    }

    @Test func `a skipped hour runs at the next instant, or not at all`() throws {
        let (from, to) = ("2025-03-08T12:00:00Z", "2025-03-10T12:00:00Z")
        #expect(
            text(all(try schedule("30 2 * * *", "America/New_York"), from, to)) == [
                "2025-03-09 2025-03-09T07:00:00.000Z", "2025-03-10 2025-03-10T06:30:00.000Z",
            ])
        #expect(
            text(all(try schedule("30 2 * * *", "America/New_York", gap: .skip), from, to)) == [
                "2025-03-10 2025-03-10T06:30:00.000Z"
            ])
        // Several skipped times, and one that stands at the instant itself, are one slot.
        #expect(
            text(all(try schedule("0,20,40 2-3 9 3 *", "America/New_York"), from, to)) == [
                "2025-03-09 2025-03-09T07:00:00.000Z", "2025-03-09 2025-03-09T07:20:00.000Z",
                "2025-03-09 2025-03-09T07:40:00.000Z",
            ])
    }

    @Test func `a repeated hour runs once, or twice when asked`() throws {
        let (from, to) = ("2025-11-01T12:00:00Z", "2025-11-03T05:00:00Z")
        #expect(
            text(all(try schedule("30 1 * * *", "America/New_York"), from, to)) == [
                "2025-11-02 2025-11-02T05:30:00.000Z"
            ])
        #expect(
            text(all(try schedule("30 1 * * *", "America/New_York", overlap: .both), from, to)) == [
                "2025-11-02 2025-11-02T05:30:00.000Z", "2025-11-02 2025-11-02T06:30:00.000Z",
            ])
    }

    @Test func `a time skipped before midnight is made up for on the next day and is still for its own`() throws {
        let schedule = try schedule("30 0 * * *", "America/Havana")
        // Cuba skips from 00:00 to 01:00.
        #expect(
            text(all(schedule, "2025-03-08T12:00:00Z", "2025-03-10T12:00:00Z")) == [
                "2025-03-09 2025-03-09T05:00:00.000Z", "2025-03-10 2025-03-10T04:30:00.000Z",
            ])
        let zone = TimeZoneRules(
            initialOffset: 0, transitions: [.init(at: 84_600, offset: 3600)], footer: nil)
        func lateShow(_ cron: String) throws -> Schedule {
            Schedule(
                name: "late", .cron(try CronExpression(cron)), zoneName: "Test", zone: zone, work: .batch("b"))
        }
        // 1970-01-01: clocks go from 23:30 to 00:30.
        #expect(
            text(all(try lateShow("45 23 * * *"), "1970-01-01T12:00:00Z", "1970-01-03T00:00:00Z")) == [
                "1970-01-01 1970-01-01T23:30:00.000Z", "1970-01-02 1970-01-02T22:45:00.000Z",
            ])
        // Both days' times are skipped and share the instant, which is the earlier day's.
        let both = try lateShow("0,45 0,23 * * *")
        #expect(
            text(all(both, "1970-01-01T23:00:00Z", "1970-01-02T00:00:00Z")) == [
                "1970-01-01 1970-01-01T23:30:00.000Z", "1970-01-02 1970-01-01T23:45:00.000Z",
            ])
        #expect(
            both.slots(after: instant("1970-01-01T23:00:00Z"), through: instant("1970-01-01T23:30:00Z"), limit: 1)
                .map(\.date.description) == ["1970-01-01"])
    }

    @Test func `leap days are found over eight years`() throws {
        let next = try schedule("0 0 29 2 *").nextSlot(after: instant("2096-03-01T00:00:00Z"))
        #expect(next?.instant.rfc3339 == "2104-02-29T00:00:00.000Z")
    }

    @Test func `what was missed is left out, fired once, or all of it`() throws {
        let (last, clock) = (instant("2025-06-01T17:00:00Z"), instant("2025-06-05T17:01:00Z"))
        func due(_ missed: Schedule.Missed, _ last: EpochMilliseconds, _ clock: EpochMilliseconds) throws -> [String] {
            try schedule("0 2 * * *", "Asia/Seoul", missed: missed).dueSlots(after: last, at: clock).map(
                \.date.description)
        }
        #expect(try due(.all, last, clock) == ["2025-06-03", "2025-06-04", "2025-06-05", "2025-06-06"])
        #expect(try due(.once, last, clock) == ["2025-06-06"])
        #expect(try due(.skip, last, clock) == ["2025-06-06"])
        #expect(try due(.skip, last, clock + .seconds(90)).isEmpty)
        #expect(try due(.once, last, last).isEmpty)
        #expect(try due(.all, clock, last).isEmpty)
        #expect(try schedule("* * * * *", missed: .all).dueSlots(after: last, at: clock).count == 100)
    }

    @Test func `the newest slots of a long outage are found without walking through it`() throws {
        let schedule = try schedule("* * * * *")
        let slots = schedule.slots(
            after: instant("1975-01-01T00:00:00Z"), through: instant("2025-01-01T00:00:30Z"), limit: 3)
        #expect(
            slots.map(\.instant.rfc3339) == [
                "2024-12-31T23:58:00.000Z", "2024-12-31T23:59:00.000Z", "2025-01-01T00:00:00.000Z",
            ])
    }
}
