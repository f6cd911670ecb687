import Core
import TestSupport
import Testing

@testable import Scheduling

struct TimeZoneRulesTests {
    /// Python's zoneinfo shares no code with ours. Instants every 5 hours and 53 minutes over years that the file tells, and
    /// years that only its rule tells.
    @Test func `offsets are those that Python computes, past the last transition too`() async throws {
        let program = """
            import sys, zoneinfo, datetime
            utc = datetime.timezone.utc
            for name in sys.argv[1:]:
                zone = zoneinfo.ZoneInfo(name)
                for year in (1950, 1985, 2011, 2024, 2025, 2026, 2036, 2037, 2038, 2060, 2096):
                    start = int(datetime.datetime(year, 1, 1, tzinfo=utc).timestamp())
                    offsets = []
                    for second in range(start, start + 366 * 86400, 21180):
                        local = datetime.datetime.fromtimestamp(second, utc).astimezone(zone)
                        offsets.append(int(local.utcoffset().total_seconds()))
                    print(name, start, *offsets)
            """
        let result = try await runCommand("python3", ["-c", program] + zoneNames)
        try #require(result.status == 0, "\(result.stderr)")
        let lines = result.stdout.split(separator: "\n")
        #expect(lines.count == zoneNames.count * 11)
        for line in lines {
            let words = line.split(separator: " ")
            let zone = try TimeZoneRules.system(String(words[0]))
            let start = try #require(Int64(words[1]))
            let ours = words.indices.dropFirst(2).map { zone.offset(at: start + Int64($0 - 2) * 21180) }
            #expect(ours == words.dropFirst(2).compactMap { Int($0) }, "\(words[0]) from \(start)")
        }
    }

    @Test func `a time on the wall is there once, twice, or never`() throws {
        let zone = try TimeZoneRules.system("America/New_York")
        func wall(_ text: String) -> Int64 { instant(text).rawValue / 1000 }
        #expect(zone.moment(ofWall: wall("2025-07-01T02:00:00Z")) == .once(wall("2025-07-01T06:00:00Z")))
        #expect(zone.moment(ofWall: wall("2025-03-09T01:59:59Z")) == .once(wall("2025-03-09T06:59:59Z")))
        #expect(zone.moment(ofWall: wall("2025-03-09T02:00:00Z")) == .never(next: wall("2025-03-09T07:00:00Z")))
        #expect(zone.moment(ofWall: wall("2025-03-09T02:59:59Z")) == .never(next: wall("2025-03-09T07:00:00Z")))
        #expect(zone.moment(ofWall: wall("2025-03-09T03:00:00Z")) == .once(wall("2025-03-09T07:00:00Z")))
        #expect(
            zone.moment(ofWall: wall("2025-11-02T01:00:00Z"))
                == .twice(first: wall("2025-11-02T05:00:00Z"), second: wall("2025-11-02T06:00:00Z")))
        #expect(zone.moment(ofWall: wall("2025-11-02T02:00:00Z")) == .once(wall("2025-11-02T07:00:00Z")))
        // Long after the file's last transition.
        #expect(zone.moment(ofWall: wall("2090-03-12T02:30:00Z")) == .never(next: wall("2090-03-12T07:00:00Z")))
    }

    @Test func `what clocks show leads back to the instant, around every change`() throws {
        for name in zoneNames {
            let zone = try TimeZoneRules.system(name)
            let years =
                instant("1990-01-01T00:00:00Z").rawValue / 1000...instant("2045-01-01T00:00:00Z").rawValue / 1000
            for change in zone.changes(at: years) {
                for second in stride(from: change - 30_000, through: change + 30_000, by: 599) {
                    switch zone.moment(ofWall: second + Int64(zone.offset(at: second))) {
                    case .once(let found): #expect(found == second, "\(name)")
                    case .twice(let first, let later):
                        #expect([first, later].contains(second) && first < later, "\(name)")
                    case .never: Issue.record("\(name): \(second) is on the wall")
                    }
                }
            }
        }
    }

    @Test(
        arguments: [
            ("EST5", -18000, nil, nil),
            ("<+0330>-3:30", 12600, nil, nil),
            ("EST5EDT,M3.2.0,M11.1.0", -18000, "2026-03-08T07:00:00.000Z", "2026-11-01T06:00:00.000Z"),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 3600, "2026-10-25T01:00:00.000Z", "2026-03-29T01:00:00.000Z"),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, "2026-03-29T01:00:00.000Z", "2026-10-25T01:00:00.000Z"),
            ("AAA3BBB,J60/0,300/0", -10800, "2026-03-01T03:00:00.000Z", "2026-10-28T02:00:00.000Z"),
            ("IST-2IDT,M3.4.4/26,M10.5.0", 7200, "2026-03-27T00:00:00.000Z", "2026-10-24T23:00:00.000Z"),
        ] as [(String, Int, String?, String?)])
    func `reads the rule after the last transition`(text: String, offset: Int, start: String?, end: String?) throws {
        let rule = try #require(PosixTimeZone(text))
        #expect(rule.standardOffset == offset)
        let (first, last) = (instant("2026-01-01T00:00:00Z"), instant("2026-12-31T00:00:00Z"))
        let year = first.rawValue / 1000...last.rawValue / 1000
        let changes = rule.transitions(around: year).filter { year.contains($0.at) }
        func at(_ isStandard: Bool) -> String? {
            changes.first { ($0.offset == offset) == isStandard }.map {
                EpochMilliseconds(rawValue: $0.at * 1000).rfc3339
            }
        }
        #expect(at(false) == start)
        #expect(at(true) == end)
    }

    @Test func `summer time for ever has no winter`() throws {
        let rule = try #require(PosixTimeZone("XXX3EDT4,0/0,J365/23"))
        let zone = TimeZoneRules(initialOffset: 0, transitions: [], footer: rule)
        let years = instant("2026-01-01T00:00:00Z").rawValue / 1000...instant("2032-01-01T00:00:00Z").rawValue / 1000
        #expect(
            stride(from: years.lowerBound, to: years.upperBound, by: 3600).allSatisfy { zone.offset(at: $0) == -14400 })
        #expect(zone.changes(at: years).isEmpty)
    }

    @Test(arguments: [
        "", "E5", "EST", "EST25", "EST5EDT,", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0", "EST5EDT,J0,J9", "EST5EDT,366,9", "EST5EDT,M3.2.0,M11.1.0x", "<+03-3", "EST5:60",
        "EST5EDT,M3.2.0/168,M11.1.0", "EST5EDT",
    ])
    func `refuses another rule`(text: String) { #expect(PosixTimeZone(text) == nil) }

    @Test func `files that are cut or damaged are refused, never read wrongly or trapped on`() throws {
        let path = "/usr/share/zoneinfo/Europe/Berlin"
        let file = try #require(readFile(path))
        let whole = try TimeZoneRules(tzif: file)
        #expect(whole == (try TimeZoneRules.system("Europe/Berlin")))
        for length in 0..<file.count {
            #expect(throws: TimeZoneRules.Invalid.self) { try TimeZoneRules(tzif: Array(file[..<length])) }
        }
        for index in file.indices {
            for bit in [0, 7] {
                var damaged = file
                damaged[index] ^= 1 << UInt8(bit)
                do { _ = try TimeZoneRules(tzif: damaged) } catch { #expect(!error.description.isEmpty) }
            }
        }
    }

    @Test(arguments: ["", "/etc/passwd", "../../../etc/passwd", "Asia/Soul", "Asia", "tzdata.zi", "right/Asia/Seoul"])
    func `names that are no zones are refused`(name: String) {
        #expect(throws: TimeZoneRules.Invalid.self) { try TimeZoneRules.system(name) }
    }
}

extension TimeZoneRules {
    fileprivate func moment(ofWall wall: Int64) -> Moment { walls(wall...wall).moment(ofWall: wall) }
}
