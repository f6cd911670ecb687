import Core
import TestSupport
import Testing

@testable import Scheduling

/// Slots around every change of the clocks, in every zone of the system's database, against a program that shares no code with
/// ours: Python's zoneinfo, which looks for each time on the wall at the instants that have it.
struct AllZonesTests {
    /// Prints the names of the database, those with the same file on one line. For each first name and each change of a year, or the
    /// middle of the second year where that has none, it prints a window of five days: `name year first-day`, then for each time of
    /// these days (first by day, then by minute) its instant, two as `a/b`, `>a` for a time that is skipped, or `-` where its
    /// day is left out whole; in seconds from the first day's midnight in UTC.
    private static let oracle = """
        import datetime, hashlib, pathlib, sys, zoneinfo
        utc, day = datetime.timezone.utc, datetime.timedelta(days=1)
        def offset(zone, second):
            return datetime.datetime.fromtimestamp(second, zone).utcoffset()
        def start_of(year):
            return int(datetime.datetime(year, 1, 1, tzinfo=utc).timestamp())
        def change_between(zone, low, high):
            before = offset(zone, low)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            return high
        def changes(zone, year):
            for second in range(start_of(year), start_of(year + 1), 86400):
                if offset(zone, second) != offset(zone, second + 86400):
                    yield change_between(zone, second, second + 86400)
        def moment(zone, wall):
            found = []
            for fold in (0, 1):
                second = int(wall.replace(tzinfo=zone, fold=fold).timestamp())
                if datetime.datetime.fromtimestamp(second, zone).replace(tzinfo=None, fold=0) == wall:
                    found.append(second)
            if found:
                return sorted(set(found))
            # Before the change fold 1 is meant, after it fold 0: so says PEP 495 of a time that is skipped.
            ends = [int(wall.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (1, 0)]
            return change_between(zone, min(ends), max(ends))
        def text(zone, wall, base):
            found = moment(zone, wall)
            if isinstance(found, list):
                return "/".join(str(second - base) for second in found)
            days = {datetime.datetime.fromtimestamp(second, zone).date() for second in (found - 1, found)}
            return f">{found - base}" if wall.date() in days else "-"
        groups = {}
        for name in sorted(zoneinfo.available_timezones()):
            path = pathlib.Path("/usr/share/zoneinfo") / name
            if path.exists():
                groups.setdefault(hashlib.sha256(path.read_bytes()).digest(), []).append(name)
        for names in groups.values():
            print("zone", *names)
        rules = set()
        for names in groups.values():
            zone = zoneinfo.ZoneInfo(names[0])
            rule = (pathlib.Path("/usr/share/zoneinfo") / names[0]).read_bytes().splitlines()[-1]
            for argument in sys.argv[1:-1] if rule in rules else sys.argv[1:]:
                year, minutes = argument.split(":")
                calm = [start_of(int(year)) + 180 * 86400] if argument == sys.argv[2] else []
                for change in list(changes(zone, int(year))) or calm:
                    first = datetime.datetime.fromtimestamp(change, utc).replace(tzinfo=None, hour=0, minute=0, second=0) - 2 * day
                    base = int(first.replace(tzinfo=utc).timestamp())
                    walls = [first + number * day + datetime.timedelta(hours=hour, minutes=int(minute))
                             for number in range(5) for hour in range(24) for minute in minutes.split(",")]
                    rules.add(rule)
                    print("window", names[0], year, first.date(), *(text(zone, wall, base) for wall in walls))
        """

    /// Years, with the minutes of each hour that are looked at. The database says nothing of the last one but a rule, and each rule is
    /// looked at once; Samoa's and Tokelau's calendars went without 30 December 2011.
    private static let years = ["2011": "0,30", "2026": "0,15,30,59", "2060": "0,30"]

    /// A time on the wall, as the oracle tells it.
    private enum Told {
        case instants([Int64])
        case skipped(Int64)
        case noSuchDay

        var isSkipped: Bool { if case .skipped = self { true } else { false } }

        var isRepeated: Bool { if case .instants(let found) = self { found.count > 1 } else { false } }

        init(_ text: Substring) throws {
            // No macros here: there are some 200,000 of them.
            func number(_ digits: Substring) throws -> Int64 {
                guard let number = Int64(digits) else { throw TestSupportError("the oracle says '\(text)'") }
                return number
            }
            if text == "-" {
                self = .noSuchDay
            } else if text.first == ">" {
                self = .skipped(try number(text.dropFirst()))
            } else {
                self = .instants(try text.split(separator: "/").map(number))
            }
        }
    }

    @Test func `around every change in every zone slots are those that an independent program finds`() async throws {
        let arguments = Self.years.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }
        let result = try await runCommand("python3", ["-c", Self.oracle] + arguments)
        try #require(result.status == 0, "\(result.stderr)")
        var zones: [String: TimeZoneRules] = [:]
        var (nameCount, windowCount, gaps, overlaps, lostDays) = (0, 0, 0, 0, 0)
        for line in result.stdout.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words[0] == "zone" {
                let rules = try TimeZoneRules.system(String(words[1]))
                zones[String(words[1])] = rules
                // The same file under another name.
                for name in words.dropFirst(2) { #expect(try TimeZoneRules.system(String(name)) == rules, "\(name)") }
                nameCount += words.count - 1
                continue
            }
            let name = String(words[1])
            let (zone, minutes) = (try #require(zones[name]), try #require(Self.years[String(words[2])]))
            let first = try #require(CivilDate(words[3]))
            let told = try words.dropFirst(4).map(Told.init)
            windowCount += 1
            gaps += told.count(where: \.isSkipped)
            overlaps += told.count(where: \.isRepeated)
            lostDays += told.contains { if case .noSuchDay = $0 { true } else { false } } ? 1 : 0
            let perDay = 24 * minutes.split(separator: ",").count
            #expect(told.count == 5 * perDay)
            let cron = try CronExpression("\(minutes) * * * *")
            for (gap, overlap) in Self.policies(told) {
                let schedule = Schedule(
                    name: "test", .cron(cron), zoneName: name, zone: zone, work: .batch("none"), gap: gap,
                    overlap: overlap)
                let problem = difference(schedule, first, told, perDay: perDay)
                #expect(problem == nil, "\(problem ?? ""): \(name) around \(first.adding(days: 2)), \(gap), \(overlap)")
            }
        }
        print(
            "\(nameCount) names of \(zones.count) zones, \(windowCount) windows, \(gaps) skipped and \(overlaps) repeated times"
        )
        #expect(nameCount > 500 && zones.count > 250 && windowCount > zones.count)
        #expect(gaps > 300 && overlaps > 300 && lostDays > 0)
    }

    /// Those that make a difference to these times, with the other one at its default; and one of each.
    private static func policies(_ told: [Told]) -> [(Schedule.Gap, Schedule.Overlap)] {
        var policies: [(Schedule.Gap, Schedule.Overlap)] = [(.next, .both)]
        if told.contains(where: \.isRepeated) { policies.append((.next, .first)) }
        if told.contains(where: \.isSkipped) { policies.append((.skip, .first)) }
        return policies
    }

    /// How the slots of the two days in the middle differ from what the oracle says of all five; `nil` when they do not.
    private func difference(_ schedule: Schedule, _ first: CivilDate, _ told: [Told], perDay: Int) -> String? {
        let base = first.startInUTC.rawValue / 1000
        // Of two days that claim an instant, the earlier one has it.
        var dates: [Int64: CivilDate] = [:]
        let days = (0..<5).map { first.adding(days: $0) }
        for (index, told) in told.enumerated() {
            let date = days[index / perDay]
            var instants: [Int64] = []
            switch told {
            case .instants(let found): instants = schedule.overlap == .both ? found : [found[0]]
            case .skipped(let next): instants = schedule.gap == .next ? [next] : []
            case .noSuchDay: break
            }
            for instant in instants { dates[instant] = min(date, dates[instant] ?? date) }
        }
        let (start, end) = (Int64(36 * 3600), Int64(84 * 3600))
        let expected = dates.filter { $0.key > start && $0.key <= end }.sorted { $0.key < $1.key }
            .map { Slot(instant: EpochMilliseconds(rawValue: ($0.key + base) * 1000), date: $0.value) }
        let (from, to) = (first.startInUTC + .seconds(start), first.startInUTC + .seconds(end))
        let found = schedule.slots(after: from, through: to, limit: 100_000)
        if found != expected {
            let odd = Set(found).symmetricDifference(expected).sorted().prefix(3)
            return "differs in \(odd.map { "\($0.date) \($0.instant.rfc3339)" })"
        }
        return schedule.gap == .next && schedule.overlap == .both ? stride(schedule, expected) : nil
    }

    /// The same again as a scheduler asks, from slot to slot.
    private func stride(_ schedule: Schedule, _ slots: [Slot]) -> String? {
        for (index, slot) in slots.enumerated() where index % 7 == 0 && index + 1 < slots.count {
            if schedule.nextSlot(after: slot.instant) != slots[index + 1] {
                return "the slot after \(slot.instant.rfc3339) is not \(slots[index + 1].instant.rfc3339)"
            }
        }
        return nil
    }

    @Test func `known failure 19: a daily time comes exactly once on each day of a year, in every zone`() async throws {
        let result = try await runCommand(
            "python3", ["-c", "import zoneinfo; print(*sorted(zoneinfo.available_timezones()))"])
        let names = result.stdout.split { $0 == " " || $0 == "\n" }.map(String.init)
        #expect(names.count > 500)
        let (first, count) = (try #require(CivilDate("2026-01-01")), 365)
        let days = (0..<count).map { first.adding(days: $0) }
        var seen: Set<TimeZoneRules> = []
        for name in names {
            let zone = try TimeZoneRules.system(name)
            guard seen.insert(zone).inserted else { continue }
            // Within the hours that are skipped in spring and repeated in autumn, wherever.
            let year = first.startInUTC.rawValue / 1000...first.adding(days: count).startInUTC.rawValue / 1000
            let crons = ["30 2 * * *", "15 1 * * *", "0 0 * * *"]
            for cron in zone.changes(at: year).isEmpty ? [crons[0]] : crons {
                let schedule = Schedule(
                    name: "test", .cron(try CronExpression(cron)), zoneName: name, zone: zone, work: .batch("none"))
                let slots = schedule.slots(
                    after: first.adding(days: -3).startInUTC, through: first.adding(days: count + 3).startInUTC,
                    limit: 1000
                ).filter { $0.date >= first && $0.date < first.adding(days: count) }
                #expect(slots.map(\.date) == days, "\(name) \(cron)")
                #expect(zip(slots, slots.dropFirst()).allSatisfy { $0.instant < $1.instant }, "\(name) \(cron)")
            }
        }
    }
}
