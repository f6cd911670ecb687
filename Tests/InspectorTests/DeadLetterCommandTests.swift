import Bookkeeping
import Core
import EventLoop
import Glibc
import JobQueue
import Ledger
import Postgres
import Redis
import TestSupport
import Testing

@testable import Inspector

/// `dead list`, `dead retry`, `dead delete` and `dead export`.
struct DeadLetterCommandTests {
    init() { Loop.startThread() }

    @Loop @Test func theyAreListedWithTheirLastFailure() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            #expect(try await tributary("dead", "list").out == "There are no dead letters.\n")
            try await tributary.addDead([.test("a"), .test("b", .webhooks)]) { "\($0) is broken" }
            let run = try await tributary("dead", "list", "--queue", "webhooks")
            #expect(run.status == .ok && run.out.contains("webhooks  dead   b   test.v1"))
            #expect(run.out.contains("b is broken") && !run.out.contains("a is broken"))
            let json = try await tributary("dead", "list", "--error", "a is", "--json").json
            #expect(json["jobs"]?.array?.map { $0["id"] } == ["a"] && json["seen"] == 2 && json["cursor"] == .null)
            let none = try await tributary("dead", "list", "--kind", "other.v1")
            #expect(none.status == .ok && none.out == "None of 2 dead letters matches.\n")
            #expect(try await tributary("dead", "list", "--until", "1h").out == "There are no dead letters.\n")
        }
    }

    @Loop @Test func aDryRunOnlyCounts() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addDead((0..<300).map { .test("job-\($0)") }) { $0.hasSuffix("7") ? "seven" : "other" }
            for word in ["retry", "delete"] {
                let run = try await tributary("dead", word, "--error", "seven", "--dry-run", "--json")
                #expect(try run.json == ["matched": 30, "count": 30, "dryRun": true, "stopped": false])
            }
            let text = try await tributary("dead", "retry", "--all", "--dry-run")
            #expect(text.out == "300 dead letters would be retried.\n")
            #expect(try await tributary.depth().dead == 300)
        }
    }

    @Loop @Test func aFilterIsRetriedAndTheOthersStay() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addDead((0..<1000).map { .test("job-\($0)") }) { $0.hasSuffix("7") ? "seven" : "other" }
            let run = try await tributary("dead", "retry", "--error", "seven", "--rate", "10000")
            #expect(run.status == .ok && run.out == "100 dead letters of 100 retried.\n")
            let depth = try await tributary.depth()
            #expect(depth.dead == 900 && depth.ready == 100)
            #expect(try await tributary("dead", "retry", "--error", "seven", "--json").json["count"] == 0)
        }
    }

    @Loop @Test func aRedriveIsPaced() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addDead((0..<60).map { .test("job-\($0)") })
            let begin = Loop.monotonicMilliseconds
            let run = try await tributary("dead", "retry", "--all", "--rate", "100")
            #expect(run.out == "60 dead letters of 60 retried.\n")
            // Six slices of ten, a tenth of a second apart.
            #expect(Loop.monotonicMilliseconds - begin >= 490)
        }
    }

    @Loop @Test func slicesAreBounded() async throws {
        try await InspectorFixture.run(redis: try await PrivateRedis.start()) { tributary in
            try await tributary.addDead((0..<5000).map { .test("job-\($0)") })
            _ = try await tributary.connection.command(["CONFIG", "RESETSTAT"])
            #expect(try await tributary("dead", "delete", "--all", "--rate", "100000", "--json").json["count"] == 5000)
            let stats = try await tributary.connection.command(["INFO", "commandstats"]).string ?? ""
            let line = stats.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_evalsha:calls=") }
            let calls = line.flatMap { Int($0.dropFirst(22).prefix { $0.isNumber }) } ?? 0
            // At most 100 a deletion, and 200 a look; it looks twice.
            #expect(calls >= 5000 / 100 + 2 * 5000 / 200, "\(calls)")
            #expect(try await tributary.depth().dead == 0)
        }
    }

    /// Redis goes on answering others: no script of a redrive takes long, whatever the number of dead letters. More of them
    /// by the variable `TRIBUTARY_TEST_REDRIVE_JOBS`.
    @Loop @Test func aRedriveStallsNobody() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let count = getenv("TRIBUTARY_TEST_REDRIVE_JOBS").flatMap { Int(String(cString: $0)) } ?? 10_000
        try await InspectorFixture.run(redis: redis) { tributary in
            try await tributary.addDead((0..<count).map { .test("job-\($0)") })
            let bystander = try await tributary.client(purpose: "bystander")
            let watching = Task { @Loop in
                var longest: Int64 = 0
                while !Task.isCancelled {
                    let begin = Loop.monotonicNanoseconds
                    _ = try await bystander.command(["PING"])
                    longest = max(longest, (Loop.monotonicNanoseconds - begin) / 1000)
                    try? await Loop.sleep(for: .milliseconds(1))  // Ends when it is cancelled, as the loop does.
                }
                return longest
            }
            for setting in [["slowlog-log-slower-than", "1000"], ["slowlog-max-len", "100000"]] {
                _ = try await tributary.connection.command(
                    ["CONFIG", "SET"] + setting.map { RedisArgument.string($0) })
            }
            _ = try await tributary.connection.command(["SLOWLOG", "RESET"])
            let run = try await tributary("dead", "retry", "--all", "--rate", "10000", "--json")
            watching.cancel()
            let wait = try await watching.value
            #expect(try run.json["count"]?.integer == Int64(count), "\(run.errors)")
            #expect(try await tributary.depth().ready == count)
            let slow = try await tributary.connection.command(["SLOWLOG", "GET", "-1"]).array ?? []
            let scripts = slow.filter { $0[3]?[0]?.string?.lowercased().hasPrefix("evalsha") == true }
            let durations = scripts.compactMap { $0[2]?.integer }
            let longest = durations.max() ?? 0
            let tooLong = durations.count { $0 > 5000 }
            print(
                "a redrive of \(count) dead letters: \(scripts.count) scripts above 1 ms, \(tooLong) above 5 ms, "
                    + "the longest \(longest) µs, a bystander waited for \(wait) µs at most"
            )
            // Redis' clock runs on while others have its core: what is wrong is a script that is always long, or that grows
            // with the number.
            #expect(tooLong <= max(3, count / 100 / 100))
            #expect(longest < 50_000)
            bystander.close()
        }
    }

    /// Ctrl-C after the last slice stops nothing any more; before it, the others stay dead.
    @Loop
    @Test(arguments: [(10_000, 0), (10, 2)])
    func ctrlCEndsItAfterTheSliceInHand(rate: Int, left: Int) async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            // In one shard, so that one look brings them all.
            let jobs = (0..<3).map { number in
                var job = NewJob.test("job-\(number)")
                job.shardKey = "one"
                return job
            }
            try await tributary.addDead(jobs)
            let session = Session(console: Console(columns: [:], environment: [:]) { _, _ in }, wantsJSON: true) {
                try tributary.configuration()
            }
            let command = DeadLetterCommands.delete(.dead, "", examples: [])
            var work = DeadLetterWork(.dead, done: "deleted", rate: rate)
            let interrupt = Interrupt()
            work.testInterrupt = interrupt
            let answer = try await work.run(session, Arguments(["--all"], for: command)) { jobs in
                interrupt.come()
                return try await tributary.queue.delete(jobs)
            }
            #expect(answer.isGood == (left == 0))
            #expect(answer.json["stopped"]?.bool == (left > 0))
            #expect(try await tributary.depth().dead == left)
            await session.close()
        }
    }

    @Loop @Test func jobsAreNamedOneByOne() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addDead([.test("a"), .test("b"), .test("c")])
            #expect(try await tributary("dead", "retry", "a", "b").out == "2 dead letters of 2 retried.\n")
            let alive = try await tributary("dead", "retry", "a")
            #expect(alive.status == .failed && alive.errors.contains("job a is ready, not dead"))
            let unknown = try await tributary("dead", "delete", "none")
            #expect(unknown.status == .failed && unknown.errors.contains("no queue holds a job none"))
            #expect(try await tributary("dead", "delete", "c").out == "1 dead letter of 1 deleted.\n")
            #expect(try await tributary.depth().dead == 0)
        }
    }

    /// A job whose row was told of its end does nothing unless the row is owed again.
    @Loop @Test func aRetriedDeliveryIsOwedAgain() async throws {
        try await InspectorFixture.run { tributary in
            let (delivery, id) = try await deadDelivery(tributary)
            #expect(try await status(delivery, tributary) == "dead job_dead: no such thing")
            #expect(try await tributary("dead", "retry", "--queue", "webhooks", "--rate", "1000").status == .ok)
            #expect(try await status(delivery, tributary) == "owed")
            #expect(try await tributary.queue.find(id, in: .webhooks)?.state == .ready)
        }
    }

    @Loop @Test func aDeletedDeliveryIsOwedNoMore() async throws {
        try await InspectorFixture.run { tributary in
            let (delivery, _) = try await deadDelivery(tributary, tellsRow: false)
            #expect(try await status(delivery, tributary) == "owed")
            #expect(try await tributary("dead", "delete", "--queue", "webhooks", "--actor", "kim").status == .ok)
            #expect(try await status(delivery, tributary) == "dead job_dead: deleted by kim")
            #expect(try await tributary("rebuild", "--json").json["enqueued"] == 0)
        }
    }

    /// Its row ended, and the dead letter that an operator would retry is lost.
    @Loop @Test func whatEndedAndIsInNoQueueIsBroughtBackAtAWord() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        try await InspectorFixture.run(redis: redis) { tributary in
            let (delivery, id) = try await deadDelivery(tributary)
            #expect(
                try await tributary("rebuild", "--ended", "--json").json["revived"] == 0, "it is there to be retried")
            _ = try await tributary.connection.command(["FLUSHALL"])
            #expect(try await tributary("rebuild").out == "Nothing is owed.\n")
            let run = try await tributary("rebuild", "--ended")
            #expect(run.out.contains("1 step had ended, and no queue held the dead letters: owed again."), "\(run.out)")
            #expect(try await status(delivery, tributary) == "owed")
            #expect(try await tributary.queue.find(id, in: .webhooks)?.state == .ready)
        }
    }

    @Loop @Test func whatAnOperatorDeletedOrNeverHadADeadLetterStaysDead() async throws {
        try await InspectorFixture.run { tributary in
            let (delivery, _) = try await deadDelivery(tributary, tellsRow: false)
            #expect(try await tributary("dead", "delete", "--queue", "webhooks", "--actor", "kim").status == .ok)
            #expect(try await tributary("rebuild", "--ended", "--json").json["revived"] == 0)
            try await tributary.pool.executeScript("UPDATE webhook_deliveries SET end_reason = 'attempts_exhausted'")
            #expect(try await tributary("rebuild", "--ended", "--json").json["revived"] == 0)
            #expect(try await status(delivery, tributary) == "dead attempts_exhausted")
        }
    }

    @Loop private func deadDelivery(
        _ tributary: InspectorFixture, tellsRow: Bool = true
    ) async throws -> (delivery: UUID, jobID: String) {
        try await tributary.addPartner()
        try await tributary.addEndpoint()
        let owed = try #require(try await tributary.addOrder().first)
        let job = NewJob.delivery(owed)
        try await tributary.addDead([job])
        if tellsRow {
            try await tributary.pool.executeScript(
                "UPDATE webhook_deliveries SET status = 'dead', end_reason = 'job_dead: no such thing', ended_at = now()"
            )
        }
        return (owed.deliveryID, job.id)
    }

    @Loop private func status(_ delivery: UUID, _ tributary: InspectorFixture) async throws -> String {
        try await tributary.text(
            "SELECT concat_ws(' ', status, end_reason) FROM webhook_deliveries WHERE id = '\(delivery)'")
    }

    @Loop @Test func theExportHasTheWholeJobs() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            try await tributary.addDead(
                (0..<450).map { .test("job-\($0)", payload: #"{"number":\#($0)}"#) } + [
                    .test("text", payload: "no JSON")
                ])
            let run = try await tributary("dead", "export", "--queue", "clicks")
            #expect(run.status == .ok && run.errors.isEmpty)
            let jobs = try run.out.split(separator: "\n").map { try JSON.parse(Array($0.utf8)) }
            #expect(jobs.count == 451 && Set(jobs.compactMap { $0["id"]?.string }).count == 451)
            let seven = jobs.first { $0["id"] == "job-7" }
            #expect(seven?["payload"] == ["number": 7] && seven?["failures"]?[0]?["message"] == "no such thing")
            #expect(jobs.first { $0["id"] == "text" }?["payload"] == "no JSON")
            #expect(try await tributary.depth().dead == 451)
        }
    }
}
