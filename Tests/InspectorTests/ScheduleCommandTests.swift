import Core
import EventLoop
import JobQueue
import TestSupport
import Testing

@testable import Inspector

/// `schedules`, `schedules preview` and `schedule run` for schedules of a folder: intervals, and jobs of any queue.
struct ScheduleCommandTests {
    init() { Loop.startThread() }

    private static let report = """
        {"name":"report","every":"6h","anchor":"2026-01-01T03:00:00Z","timeZone":"Asia/Seoul",
        "job":{"queue":"notifications","kind":"report.v1","payload":{"shop":4},"shardKey":"shop-4"}}
        """

    /// Runs the body with a folder of these files.
    @Loop private func withFolder(
        _ files: [String: String] = ["report.json": report],
        _ body: @Loop (InspectorFixture, [String: String?]) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        for (name, text) in files { try folder.write(name, text) }
        try await InspectorFixture.run { tributary in try await body(tributary, ["TRIBUTARY_SCHEDULES": folder.path]) }
    }

    @Loop @Test func schedulesOfAFolderStandBesideTheProgramsOwn() async throws {
        try await withFolder { tributary, folder in
            let run = try await tributary("schedules", "--next", "1", changing: folder)
            #expect(run.lines[0] == "commission-confirmation  0 2 * * *  Asia/Seoul")
            #expect(run.lines[1] == "  runs   batch commission-confirmation")
            #expect(run.lines[2] == "  last   no scheduler has seen it yet")
            #expect(run.lines.contains("report  every 6h  Asia/Seoul"))
            #expect(run.lines.contains("  runs   a job report.v1 in queue notifications"))
            let json = try await tributary("schedules", "--json", changing: folder).json["schedules"]?[1]
            #expect(json?["every"] == "6h" && json?["anchor"] == "2026-01-01T03:00:00.000Z")
            #expect(json?["lastSlot"] == .null && json?["owedJobs"] == 0)
            #expect(json?["runs"] == ["queue": "notifications", "kind": "report.v1"])
            // To look on begins nothing.
            #expect(try await tributary.text("SELECT count(*)::text FROM schedule_runs") == "0")
            let slots = try await tributary(
                "schedules", "preview", "report", "--from", "2026-06-01T00:00:00Z", "--next", "5", "--json",
                changing: folder
            ).json["schedules"]
            #expect(slots?.array?.count == 1)
            #expect(
                slots?[0]?["next"]?.array?.map { "\($0["instant"]?.string ?? "") \($0["date"]?.string ?? "")" } == [
                    "2026-06-01T03:00:00.000Z 2026-06-01", "2026-06-01T09:00:00.000Z 2026-06-01",
                    "2026-06-01T15:00:00.000Z 2026-06-02", "2026-06-01T21:00:00.000Z 2026-06-02",
                    "2026-06-02T03:00:00.000Z 2026-06-02",
                ])
        }
    }

    @Loop @Test func whatIsWrongWithFilesIsSaid() async throws {
        try await withFolder(["a.json": #"{"name":"a","every":"1w"}"#]) { tributary, folder in
            let run = try await tributary("schedules", "preview", changing: folder)
            #expect(run.status == .failed)
            #expect(run.errors.contains("a.json: every: '1w' is no interval: write 90s, 15m, 6h or 7d"))
            #expect(run.errors.contains("a.json: batch: either batch or job is needed"))
        }
    }

    @Loop @Test func aJobIsRunByHand() async throws {
        try await withFolder { tributary, folder in
            let dry = try await tributary("schedule", "run", "report", "--dry-run", "--json", changing: folder).json
            #expect(dry["dryRun"] == true && dry["queue"] == "notifications" && dry["payload"]?["shop"] == 4)
            #expect(try await tributary.depth(.notifications).ready == 0)

            let run = try await tributary("schedule", "run", "report", "--json", changing: folder).json
            let id = try #require(run["jobId"]?.string)
            #expect(id.hasPrefix("report:20") && run["outcome"] == "added")
            let found = try await tributary.queue.find(id, in: .notifications, shardKey: "shop-4")
            #expect(found?.kind == "report.v1")

            let slot = ["schedule", "run", "report", "--slot", "2026-06-01T12:00:00+09:00"]
            let first = try await InspectorFixture.tributary(slot, merged(tributary, folder))
            #expect(first.out.hasPrefix("Enqueued report.2026-06-01T03:00:00Z into notifications"), "\(first.out)")
            let again = try await InspectorFixture.tributary(slot + ["--json"], merged(tributary, folder)).json
            #expect(again["outcome"] == "exists" && again["state"] == "live")
            #expect(try await tributary.depth(.notifications).ready == 2)
        }
    }

    private func merged(_ tributary: InspectorFixture, _ changes: [String: String?]) -> [String: String] {
        tributary.environment.merging(changes.compactMapValues(\.self)) { $1 }
    }

    @Loop @Test func whatARunCannotDoIsRefused() async throws {
        try await withFolder { tributary, folder in
            let cases: [([String], Bool, String)] = [
                (["report", "--slot", "2026-06-01T04:00:00Z"], false, "the next one is 2026-06-01T09:00:00.000Z"),
                (["report", "--slot", "noon"], true, "--slot needs an instant with its offset"),
                (["report", "--date", "2026-06-01"], true, "--date is for schedules that run a batch"),
                (["commission-confirmation", "--slot", "2026-06-01T04:00:00Z"], true, "--slot is for schedules"),
                (["reprot"], false, "there is no schedule reprot"), (["reprot"], false, "did you mean report?"),
            ]
            for (words, isUsage, text) in cases {
                let run = try await InspectorFixture.tributary(["schedule", "run"] + words, merged(tributary, folder))
                #expect(
                    run.status == (isUsage ? .usage : .failed) && run.errors.contains(text), "\(words): \(run.errors)")
            }
        }
    }

    @Loop @Test func anIntervalAndPoliciesOfOnesOwnArePreviewed() async throws {
        func instants(_ words: String...) async throws -> [String] {
            let run = try await InspectorFixture.tributary(["schedules", "preview", "--json"] + words, [:])
            return try run.json["schedules"]?[0]?["next"]?.array?.compactMap { $0["instant"]?.string } ?? []
        }
        #expect(
            try await instants("--every", "36h", "--anchor", "2026-01-01T00:00:00Z", "--from", "2026-01-02T00:00:00Z")
                == [
                    "2026-01-02T12:00:00.000Z", "2026-01-04T00:00:00.000Z", "2026-01-05T12:00:00.000Z",
                ])
        let autumn = [
            "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--from", "2026-10-24T12:00:00Z", "--next", "2",
        ]
        let both = try await InspectorFixture.tributary(
            ["schedules", "preview", "--json", "--overlap", "both"] + autumn, [:])
        #expect(
            try both.json["schedules"]?[0]?["next"]?.array?.map { $0["instant"] } == [
                "2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z",
            ])
        let refusals: [([String], String)] = [
            (["--every", "0s"], "--every: '0s' is not within 1s to 366d"),
            (["--every", "1h", "--cron", "0 0 * * *"], "one of <schedule>, --cron and --every"),
            (["--every", "1h", "--gap", "skip"], "--gap is for --cron"),
            (["--cron", "0 0 * * *", "--anchor", "2026-01-01T00:00:00Z"], "--anchor is for --every"),
        ]
        for (words, text) in refusals {
            let run = try await InspectorFixture.tributary(["schedules", "preview"] + words, [:])
            #expect(run.status == .usage && run.errors.contains(text), "\(words): \(run.errors)")
        }
    }
}
