import Core
import JobQueue
import Scheduling
import TestSupport
import Testing

struct ScheduleFileTests {
    @Test func `this binary carries the confirmation at 2 AM in Seoul`() throws {
        let schedules = try ScheduleFolder.embedded()
        #expect(schedules.map(\.name) == ["commission-confirmation"])
        let schedule = try #require(schedules.first)
        #expect(schedule.work == .batch("commission-confirmation"))
        #expect((schedule.gap, schedule.overlap, schedule.missed) == (.next, .first, .once))
        let slot = schedule.nextSlot(after: instant("2025-11-03T17:00:00Z"))
        #expect(slot?.instant.rfc3339 == "2025-11-04T17:00:00.000Z")
        #expect(slot?.date.description == "2025-11-05")
    }

    private func read(_ text: String) throws(Schedule.Invalid) -> Schedule { try Schedule(json: Array(text.utf8)) }

    private let confirmation = #""batch":"commission-confirmation""#

    @Test func `policies are read`() throws {
        let schedule = try read(
            """
            {"name":"a","cron":"0 0 * * *","timeZone":"UTC",\(confirmation),"gap":"skip","overlap":"both","missed":"all",
            "missedMax":7}
            """)
        #expect((schedule.gap, schedule.overlap, schedule.missed) == (.skip, .both, .all))
        #expect(schedule.missedMax == 7)
    }

    @Test func `an interval and a job are read`() throws {
        let schedule = try read(
            """
            {"name":"report","every":"15m","anchor":"2026-01-01T00:05:00+09:00","timeZone":"Asia/Seoul",
            "job":{"queue":"notifications","kind":"report.v1","payload":{"shop":4,"rate":1.50},"shardKey":"shop-4",
            "orderKey":"reports","priority":"high","maxAttempts":3}}
            """)
        #expect(schedule.recurrence.description == "every 15m")
        let slot = try #require(schedule.nextSlot(after: instant("2026-06-01T14:50:00Z")))
        #expect("\(slot.date) \(slot.instant.rfc3339)" == "2026-06-02 2026-06-01T15:05:00.000Z")
        guard case .job(let template) = schedule.work else {
            Issue.record("a job is needed")
            return
        }
        let job = template.job(for: slot, of: schedule.name)
        #expect(job.id == "report.2026-06-01T15:05:00Z" && job.problem(payloadBytesMax: 1000) == nil)
        #expect((job.queue, job.kind, job.shardKey) == (.notifications, "report.v1", "shop-4"))
        #expect((job.orderKey, job.priority, job.maxAttempts) == ("reports", .high, 3))
        #expect(
            String(decoding: job.payload, as: UTF8.self)
                == #"{"shop":4,"rate":1.50,"schedule":"report","slot":"2026-06-01T15:05:00Z","date":"2026-06-02"}"#)
        // All that may be left out.
        let least = try read(#"{"name":"b","every":"1s","job":{"queue":"batches","kind":"b.v1"}}"#)
        #expect(least.zoneName == "UTC" && least.missed == .once && least.missedMax == 100)
        #expect(least.work == .job(JobTemplate(queue: .batches, kind: "b.v1", shardKey: "b")))
    }

    @Test(
        arguments: [
            ("[]", ["an object is needed"]),
            ("{", nil),
            (
                #"{"name":"A b","cron":"0 25 * * *","timeZone":"Asia/Soul","gap":"wait","when":1,"missedMax":0}"#,
                [
                    "when: not known", "name: 1 to 40 of a-z, 0-9 and - are needed",
                    "cron: hour: 25 is not within 0-23",
                    "timeZone: no time zone 'Asia/Soul' in /usr/share/zoneinfo (is tzdata installed?)",
                    "batch: either batch or job is needed", "gap: one of next, skip is needed",
                    "missedMax: a whole number from 1 to 1000 is needed",
                ]
            ),
            (
                #"{"name":"a","cron":"0 0 * * *","every":"1m","batch":"payout","job":{}}"#,
                ["cron: either cron or every is needed", "batch: either batch or job is needed"]
            ),
            (
                #"{"name":"a","every":"1w","anchor":"2026-01-01","gap":"skip","overlap":"both","batch":"payout"}"#,
                [
                    "anchor: an instant of whole seconds is needed, such as 2026-01-01T00:00:00Z",
                    "every: '1w' is no interval: write 90s, 15m, 6h or 7d",
                    "batch: there is no batch 'payout'; commission-confirmation is the one there is",
                    "gap: is for cron only: no clock on a wall moves an interval",
                    "overlap: is for cron only: no clock on a wall moves an interval",
                ]
            ),
            (
                #"{"name":"a","cron":"0 0 * * *","anchor":"2026-01-01T00:00:00Z","job":[]}"#,
                [
                    "anchor: is for every only", "timeZone: a string is needed", "job: an object is needed",
                ]
            ),
            (
                #"""
                {"name":"a","every":"1m","job":{"queue":"mail","kind":"","payload":{"slot":1},"orderKey":"a b","times":3,
                "maxAttempts":0,"priority":"top"}}
                """#,
                [
                    "job.times: not known",
                    "job.queue: one of clicks, conversions, commissions, webhooks, notifications, batches is needed",
                    "job.payload: slot is what each slot's job adds; name it otherwise",
                    "job.priority: one of urgent, high, normal, low is needed",
                    "job.maxAttempts: a whole number from 1 to 1000 is needed",
                    "job: the kind must have 1 to 64 letters",
                ]
            ),
            (
                #"{"name":"a","every":"1m","job":{"queue":"batches","kind":"b","payload":7}}"#,
                ["job.payload: an object is needed"]
            ),
        ] as [(String, [String]?)])
    func `everything that is wrong is said at once`(text: String, problems: [String]?) {
        let error = #expect(throws: Schedule.Invalid.self) { try read(text) }
        if let problems { #expect(error?.problems == problems) }
    }

    // MARK: The folder

    private func folder(_ files: [String: String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (name, text) in files { try folder.write(name, text) }
        return folder
    }

    @Test func `files of a folder come beside the program's own, or in their place`() throws {
        let folder = try folder([
            "b.json": #"{"name":"later","every":"6h","job":{"queue":"batches","kind":"b.v1"}}"#,
            "a.json": #"{"name":"commission-confirmation","cron":"30 3 * * *","timeZone":"UTC",\#(confirmation)}"#,
            "README.md": "no schedule", ".hidden.json": "none either",
        ])
        let schedules = try ScheduleFolder.schedules(in: folder.path)
        #expect(schedules.map(\.name) == ["commission-confirmation", "later"])
        #expect(schedules[0].recurrence.description == "30 3 * * *")
        #expect(try ScheduleFolder.schedules(in: nil).map(\.name) == ["commission-confirmation"])
    }

    @Test func `what is wrong with a folder is said with file and member`() throws {
        let good = #"{"name":"twice","every":"6h","job":{"queue":"batches","kind":"b.v1"}}"#
        let folder = try folder([
            "a.json": good, "b.json": good,
            "c.json": #"{"name":"c","every":"0s","job":{"queue":"batches","kind":"b"}}"#,
            "d.json": String(repeating: " ", count: 70_000),
        ])
        let error = #expect(throws: Schedule.Invalid.self) { try ScheduleFolder.schedules(in: folder.path) }
        #expect(
            error?.problems == [
                "b.json: name: another file has a schedule twice too", "c.json: every: '0s' is not within 1s to 366d",
                "d.json: is larger than 65536 bytes",
            ])
        let missing = #expect(throws: Schedule.Invalid.self) { try ScheduleFolder.schedules(in: "/nowhere/at/all") }
        #expect(missing?.problems == ["/nowhere/at/all: No such file or directory; name a readable folder"])
        let many = try self.folder(
            Dictionary(uniqueKeysWithValues: (0...ScheduleFolder.filesMax).map { ("\($0).json", "{}") }))
        let tooMany = #expect(throws: Schedule.Invalid.self) { try ScheduleFolder.schedules(in: many.path) }
        #expect(tooMany?.problems == ["\(many.path): has 201 files; 200 are allowed"])
    }
}
