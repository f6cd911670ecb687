import Core
import Scheduling
import Testing

struct ScheduleFileTests {
    @Test func `this binary carries the confirmation at 2 AM in Seoul`() throws {
        let schedules = try Schedule.embedded()
        #expect(schedules.map(\.name) == ["commission-confirmation"])
        let schedule = try #require(schedules.first)
        #expect(schedule.batch == "commission-confirmation")
        #expect((schedule.gap, schedule.overlap, schedule.missed) == (.next, .first, .once))
        let slot = schedule.nextSlot(after: instant("2025-11-03T17:00:00Z"))
        #expect(slot?.instant.rfc3339 == "2025-11-04T17:00:00.000Z")
        #expect(slot?.date.description == "2025-11-05")
    }

    @Test func `policies are read`() throws {
        let schedule = try Schedule(
            json: Array(
                """
                {"name":"a","cron":"0 0 * * *","timeZone":"UTC","batch":"b","gap":"skip","overlap":"both","missed":"all"}
                """.utf8))
        #expect((schedule.gap, schedule.overlap, schedule.missed) == (.skip, .both, .all))
    }

    @Test(
        arguments: [
            ("[]", ["an object is needed"]),
            ("{", nil),
            (
                #"{"name":"A b","cron":"0 25 * * *","timeZone":"Asia/Soul","gap":"wait","when":1}"#,
                [
                    "when: not known", "name: 1 to 64 of a-z, 0-9 and - are needed", "batch: a string is needed",
                    "cron: hour: 25 is not within 0-23",
                    "timeZone: no time zone 'Asia/Soul' in /usr/share/zoneinfo (is tzdata installed?)",
                    "gap: one of next, skip is needed",
                ]
            ),
        ] as [(String, [String]?)])
    func `everything that is wrong is said at once`(text: String, problems: [String]?) {
        let error = #expect(throws: Schedule.Invalid.self) { try Schedule(json: Array(text.utf8)) }
        if let problems { #expect(error?.problems == problems) }
    }
}
