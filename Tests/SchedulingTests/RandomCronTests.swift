import Core
import TestSupport
import Testing

@testable import Scheduling

/// Random expressions in random zones, over ten days about a change of the clocks, against a program that walks through every minute
/// there is and asks whether the clock on the wall fits.
struct RandomCronTests {
    /// Reads cases, one a line: zone, start in seconds, and the five fields. Prints for each the minutes from the start at which the
    /// expression fits, with `'` after those whose time on the wall has been there before.
    private static let oracle = """
        import datetime, sys, zoneinfo
        NAMES = [[], [], [], "jan feb mar apr may jun jul aug sep oct nov dec".split(), "sun mon tue wed thu fri sat".split()]
        RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
        def number(text, place):
            names = NAMES[place]
            return names.index(text.lower()) + (place == 3) if text.lower() in names else int(text)
        def values(field, place):
            found = set()
            for part in field.split(","):
                base, _, step = part.partition("/")
                low, _, high = base.partition("-")
                if base == "*":
                    low, high = RANGES[place]
                else:
                    low, high = number(low, place), number(high or low, place)
                found |= set(range(low, high + 1, int(step or 1)))
            return {value % 7 for value in found} if place == 4 else found
        for line in sys.stdin:
            name, start, *fields = line.split()
            zone, start = zoneinfo.ZoneInfo(name), int(start)
            minutes, hours, days, months, weekdays = (values(field, place) for place, field in enumerate(fields))
            either = not fields[2].startswith("*") and not fields[4].startswith("*")
            found = []
            for minute in range(10 * 1440):
                wall = datetime.datetime.fromtimestamp(start + minute * 60, zone)
                if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
                    continue
                fits = (wall.day in days, (wall.weekday() + 1) % 7 in weekdays)
                if any(fits) if either else all(fits):
                    found.append(f"{minute}'" if wall.fold else str(minute))
            print(*found)
        """

    private static func field(_ range: ClosedRange<Int>, _ names: [String], _ random: inout SeededGenerator) -> String {
        func word(_ value: Int) -> String {
            let index = value - range.lowerBound
            return names.indices.contains(index) && random.chance(30) ? names[index] : "\(value)"
        }
        func part() -> String {
            let low = Int.random(in: range, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: return "*/\(Int.random(in: 1...(range.count / 2), using: &random))"
            case 1, 2: return word(low)
            case 3: return "\(word(low))-\(word(Int.random(in: low...range.upperBound, using: &random)))"
            default:
                let (high, step) = (
                    Int.random(in: low...range.upperBound, using: &random), Int.random(in: 1...5, using: &random)
                )
                return "\(low)-\(high)/\(step)"
            }
        }
        return (0..<Int.random(in: 1...3, using: &random)).map { _ in part() }.joined(separator: ",")
    }

    private static func cron(_ random: inout SeededGenerator) -> String {
        let months = ["jan", "FEB", "mar", "apr", "May", "jun", "jul", "aug", "SEP", "oct", "nov", "dec"]
        let days = ["SUN", "mon", "tue", "Wed", "thu", "fri", "sat"]
        return [
            field(0...59, [], &random), random.chance(40) ? "*" : field(0...23, [], &random),
            random.chance(60) ? "*" : field(1...28, [], &random),
            random.chance(80) ? "*" : field(1...12, months, &random),
            random.chance(50) ? "*" : field(0...6, days, &random),
        ].joined(separator: " ")
    }

    @Test func `random expressions are due at each minute that shows such a time, and at no other`() async throws {
        let seed = SeededGenerator.seedOfThisRun
        var random = SeededGenerator(seed: seed)
        let year = instant("2026-01-01T00:00:00Z").rawValue / 1000...instant("2027-01-01T00:00:00Z").rawValue / 1000
        var cases: [(zone: String, start: Int64, cron: String)] = []
        while cases.count < 80 {
            let name = try #require(zoneNames.randomElement(using: &random))
            let near = try TimeZoneRules.system(name).changes(at: year).randomElement(using: &random) ?? year.lowerBound
            let start = near / 60 * 60 - Int64.random(in: 0..<(10 * 1440), using: &random) * 60
            cases.append((name, start, Self.cron(&random)))
        }
        let input = cases.map { "\($0.zone) \($0.start) \($0.cron)\n" }.joined()
        let result = try await runCommand("python3", ["-c", Self.oracle], stdin: Array(input.utf8))
        try #require(result.status == 0, "\(result.stderr)")
        let lines = result.stdout.split(separator: "\n", omittingEmptySubsequences: false)
        var (slotCount, repeatedCount) = (0, 0)
        for (line, (name, start, cron)) in zip(lines, cases) {
            let told = line.split(separator: " ")
            slotCount += told.count
            repeatedCount += told.count { $0.hasSuffix("'") }
            for overlap in Schedule.Overlap.allCases {
                let schedule = try schedule(cron, name, gap: .skip, overlap: overlap)
                let begin = EpochMilliseconds(rawValue: start * 1000)
                let slots = schedule.slots(
                    after: begin - .milliseconds(1), through: begin + .seconds(10 * 86_400 - 60), limit: 100_000)
                let expected = told.filter { overlap == .both || !$0.hasSuffix("'") }
                    .compactMap { Int64($0.prefix { $0 != "'" }) }
                let found = slots.map { $0.instant.since(begin).milliseconds / 60_000 }
                #expect(found == expected, "\(cron) in \(name) from \(begin.rfc3339), \(overlap), seed \(seed)")
            }
        }
        #expect(lines.count == cases.count + 1 && slotCount > 1000 && repeatedCount > 0, "seed \(seed)")
    }
}
