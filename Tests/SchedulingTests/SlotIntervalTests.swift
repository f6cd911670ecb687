import Core
import TestSupport
import Testing

@testable import Scheduling

struct SlotIntervalTests {
    @Test(arguments: [("1s", 1), ("90s", 90), ("15m", 900), ("6h", 21_600), ("7d", 604_800), ("366d", 31_622_400)])
    func `seconds, minutes, hours and days are read`(text: String, seconds: Int) throws {
        #expect(try SlotInterval(text).length == .seconds(seconds))
    }

    @Test(arguments: ["", "s", "15", "1.5h", "-1m", "+1m", "1 m", "1w", "1M", "1ms", "99999999999s", "٣m"])
    func `anything else is refused`(text: String) {
        #expect(throws: SlotInterval.Invalid(description: "'\(text)' is no interval: write 90s, 15m, 6h or 7d")) {
            try SlotInterval(text)
        }
    }

    @Test(arguments: ["0s", "367d", "999999999d"])
    func `and what is too short or too long`(text: String) {
        #expect(throws: SlotInterval.Invalid(description: "'\(text)' is not within 1s to 366d")) {
            try SlotInterval(text)
        }
    }

    @Test func `slots lie around the anchor, before it too, and a change of the clocks moves none`() throws {
        let schedule = Schedule(
            name: "test", .every(try SlotInterval("6h", anchor: instant("2026-10-25T03:30:00Z"))),
            zoneName: "Europe/Berlin", zone: try TimeZoneRules.system("Europe/Berlin"), work: .batch("none"))
        let slots = schedule.slots(
            after: instant("2026-10-24T15:30:00Z"), through: instant("2026-10-25T15:30:00Z"), limit: 10)
        #expect(
            slots.map { "\($0.date) \($0.instant.rfc3339Seconds)" } == [
                "2026-10-24 2026-10-24T21:30:00Z", "2026-10-25 2026-10-25T03:30:00Z",
                "2026-10-25 2026-10-25T09:30:00Z", "2026-10-25 2026-10-25T15:30:00Z",
            ])
        #expect(
            schedule.nextSlot(after: instant("1969-12-31T23:59:59Z"))?.instant.rfc3339Seconds == "1970-01-01T03:30:00Z")
    }

    /// Over random intervals, anchors and spans.
    @Test func `each slot is a whole number of lengths from the anchor, and none is left out`() throws {
        let seed = SeededGenerator.seedOfThisRun
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let seconds = Int64.random(in: 1...100_000, using: &random)
            let anchor = EpochMilliseconds(
                rawValue: Int64.random(in: -4_000_000_000...4_000_000_000, using: &random) * 1000)
            let interval = try SlotInterval("\(seconds)s", anchor: anchor)
            let start = EpochMilliseconds(
                rawValue: Int64.random(in: -5_000_000_000_000...5_000_000_000_000, using: &random))
            let end = start + .milliseconds(Int64.random(in: 0...(seconds * 20_000), using: &random))
            var expected: [EpochMilliseconds] = []
            // Second by second would take too long; a step of one slot from one that surely is before does.
            var slot = interval.next(after: start - interval.length - interval.length)
            #expect((slot.rawValue - anchor.rawValue) % (seconds * 1000) == 0, "seed \(seed)")
            while slot <= end {
                if slot > start { expected.append(slot) }
                slot = slot + interval.length
            }
            #expect(interval.slots(after: start, through: end, limit: 100) == expected, "seed \(seed)")
            #expect(interval.slots(after: start, through: end, limit: 3) == expected.suffix(3), "seed \(seed)")
            let next = interval.next(after: end)
            #expect(next == slot && next > end && next - interval.length <= end, "seed \(seed)")
        }
    }
}
