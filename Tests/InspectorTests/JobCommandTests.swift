import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue
import Ledger
import Postgres
import Testing

@testable import Inspector

/// `jobs` and `job`.
struct JobCommandTests {
    init() { Loop.startThread() }

    @Loop @Test func jobsAreFoundByWhatIsAskedFor() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            try await tributary.addDead([.test("dead-1"), .test("dead-2", kind: "other.v1")]) { "broken: \($0)" }
            _ = try await tributary.queue.enqueue([
                .test("ready-1"), .test("later-1", delay: .seconds(600)), .test("hook-1", .webhooks),
            ])
            for (words, ids) in [
                ([], ["dead-1", "dead-2", "hook-1", "later-1", "ready-1"]), (["--queue", "webhooks"], ["hook-1"]),
                (["--state", "scheduled"], ["later-1"]), (["--state", "dead"], ["dead-1", "dead-2"]),
                (["--kind", "other.v1"], ["dead-2"]), (["--error", "broken: dead-1"], ["dead-1"]),
                (["--id-prefix", "dead"], ["dead-1", "dead-2"]), (["--since", "1h", "--until", "1h"], []),
                (["--since", "1h", "--state", "ready"], ["hook-1", "ready-1"]), (["--state", "leased"], []),
            ] as [([String], [String])] {
                let run = try await InspectorFixture.tributary(["jobs", "--json"] + words, tributary.environment)
                #expect(run.status == .ok)
                let found = try run.json["jobs"]?.array?.compactMap { $0["id"]?.string }.sorted()
                #expect(found == ids, "\(words)")
                #expect(try run.json["cursor"] == .null)
            }
            let run = try await tributary("jobs", "--state", "dead")
            #expect(run.lines[0].hasPrefix("queue   state  id      kind      failed  when"))
            #expect(run.out.contains("broken: dead-1") && run.out.contains("2 jobs looked at, 2 shown; that is all."))
        }
    }

    @Loop @Test func aSearchIsBoundedAndGoesOn() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            _ = try await tributary.queue.enqueue((0..<100).map { .test("job-\($0)") })
            var ids: [String] = []
            var words = ["jobs", "--json", "--limit", "30"]
            var runs = 0
            while true {
                let json = try await InspectorFixture.tributary(words, tributary.environment).json
                let found = json["jobs"]?.array?.compactMap { $0["id"]?.string } ?? []
                #expect(found.count <= 30)
                ids += found
                runs += 1
                guard let cursor = json["cursor"]?.string else { break }
                words = ["jobs", "--json", "--limit", "30", "--cursor", cursor]
            }
            #expect(ids.count == 100 && Set(ids).count == 100 && runs == 4)
            let scanned = try await tributary("jobs", "--kind", "none.v1", "--scan", "40")
            #expect(scanned.out.hasPrefix("\n40 jobs looked at, 0 shown; there is more."), "\(scanned.out)")
            #expect(scanned.out.contains("--cursor clicks/"))
            let foreign = try await tributary("jobs", "--queue", "webhooks", "--cursor", "clicks/0/ready/1/")
            #expect(foreign.status == .failed && foreign.errors.contains("belongs to another search"))
        }
    }

    @Loop @Test func aJobShowsItsPayloadAndHistory() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let payload =
                #"{"order":"order-1","lines":[{"id":"1","text":"a long text that makes it longer than a line"}],"é":1}"#
            _ = try await tributary.queue.enqueue(.test("a", payload: payload, maxAttempts: 3))
            for error in ["first failure", "second \u{1b}[31mfailure"] {
                for shard in 0..<4 {
                    guard
                        let batch = try await tributary.queue.lease(.clicks, shard: shard, max: 1, mayTakeAlone: true)
                            .batch
                    else { continue }
                    let delay: Duration = error == "first failure" ? .zero : .seconds(600)
                    _ = try await tributary.queue.retry(batch.jobs[0], after: delay, error: error)
                }
            }
            let run = try await tributary("job", "a", changing: ["TRIBUTARY_POSTGRES_URL": nil])
            #expect(run.status == .ok && run.lines[0] == "a  scheduled")
            #expect(run.out.contains("failed 2 of 3 times"))
            #expect(run.out.contains("  next: in 9 min 5") && run.out.contains("a pause after run 2 failed"))
            #expect(run.out.contains("run 1  failed  first failure") && run.out.contains(#"second \u{1b}[31mfailure"#))
            #expect(run.out.contains("  {\n    \"order\": \"order-1\",\n    \"lines\": ["))
            let json = try await tributary("job", "a", "--json").json["job"]
            #expect(json?["payload"] == (try JSON.parse(Array(payload.utf8))) && json?["failures"]?.array?.count == 2)
            #expect(json?["failures"]?[0]?["kind"] == "failed")
        }
    }

    @Loop @Test func eachStateSaysWhenItRunsNext() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let offline: [String: String?] = ["TRIBUTARY_POSTGRES_URL": nil]
            try await tributary.addDead([.test("dead")])
            _ = try await tributary.queue.enqueue([.test("ready"), .test("later", delay: .seconds(90))])
            #expect(
                try await tributary("job", "ready", changing: offline).out.contains(
                    "next: as soon as a worker is free\n"))
            #expect(try await tributary("job", "later", changing: offline).out.contains("it was enqueued with a delay"))
            #expect(try await tributary("job", "dead", changing: offline).out.contains("`tributary dead retry dead`"))
            let shard = try #require(try await tributary.queue.find("ready", in: .clicks)?.shard)
            let batch = try await tributary.queue.lease(.clicks, shard: shard, max: 1, mayTakeAlone: true).batch
            #expect(batch != nil)
            #expect(try await tributary("job", "ready", changing: offline).out.contains("next: it runs now, on "))
        }
    }

    @Loop @Test func jobsOfAKeyAndABatchSaySo() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let offline: [String: String?] = ["TRIBUTARY_POSTGRES_URL": nil]
            #expect(try await tributary.queue.open(JobBatch(id: "import-7", queue: .webhooks, shardKey: "shop-1")))
            var jobs = ["head", "behind"].map { NewJob.test($0, .webhooks) }
            for index in jobs.indices {
                jobs[index].shardKey = "shop-1"
                jobs[index].orderKey = "shop-1"
            }
            jobs[0].batch = "import-7"
            _ = try await tributary.queue.enqueue(jobs)
            let list = try await tributary("jobs")
            #expect(list.out.contains("ready  head") && list.out.contains("batch import-7\n"))
            #expect(list.out.contains("held   behind") && list.out.contains("behind key shop-1"), "\(list.out)")
            for words in [["--state", "held"], ["--batch", "import-7"]] {
                let found = try await InspectorFixture.tributary(["jobs", "--json"] + words, tributary.environment)
                #expect(
                    try found.json["jobs"]?.array?.map { $0["id"] } == (words[0] == "--batch" ? ["head"] : ["behind"]))
            }
            let head = try await tributary("job", "head", changing: offline)
            #expect(head.out.contains("  batch import-7: 1 out, 0 dead, open still\n"), "\(head.out)")
            #expect(head.out.contains("  order key shop-1: one after the other\n"))
            #expect(head.out.contains("next: as soon as a worker is free"))
            let behind = try await tributary("job", "behind", changing: offline)
            #expect(behind.out.contains("next: when another job of its key shop-1 has ended\n"))
            let json = try await tributary("job", "head", "--json", changing: offline).json["job"]
            #expect(json?["batch"] == "import-7" && json?["batchState"]?["outstanding"] == 1)
            #expect(json?["heldBack"] == false && json?["orderKey"] == "shop-1" && json?["progress"] == .null)
        }
    }

    @Loop @Test func aJobSaysHowFarItIs() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let offline: [String: String?] = ["TRIBUTARY_POSTGRES_URL": nil]
            _ = try await tributary.queue.enqueue(.test("a"))
            let shard = try #require(try await tributary.queue.find("a", in: .clicks)?.shard)
            let batch = try await tributary.queue.lease(.clicks, shard: shard, max: 1, mayTakeAlone: true).batch
            let job = try #require(batch?.jobs.first)
            #expect(try await tributary.queue.note(job, progress: 0.425, line: "half of \u{1b}it is read"))
            let run = try await tributary("job", "a", changing: offline)
            #expect(run.out.contains("What it said of itself: 42 %, "), "\(run.out)")
            #expect(run.out.contains("  half of  it is read\n"))
            let json = try await tributary("job", "a", "--json", changing: offline).json["job"]
            #expect(json?["progress"]?.number?.text == "0.425" && json?["log"]?[0]?["text"] == "half of  it is read")
        }
    }

    @Loop @Test func completedJobsThatAreKeptAreFound() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            // By the environment's setting, as the workers read it.
            let set: [String: String?] = [
                "TRIBUTARY_KEEP_COMPLETED": "clicks=1h/100", "TRIBUTARY_POSTGRES_URL": nil,
            ]
            var environment = tributary.environment
            environment["TRIBUTARY_KEEP_COMPLETED"] = "clicks=1h/100"
            let configuration = try FleetConfiguration(environment: environment, resolve: { $0 })
            let queue = JobQueue(connection: tributary.connection, configuration: configuration.queue)
            _ = try await queue.enqueue([.test("a"), .test("hook", .webhooks)])
            for name in [QueueName.clicks, .webhooks] {
                for shard in 0..<4 {
                    guard let batch = try await queue.lease(name, shard: shard, max: 9, mayTakeAlone: true).batch else {
                        continue
                    }
                    _ = try await queue.complete(batch.jobs)
                }
            }
            let json = try await tributary("jobs", "--state", "completed", "--json", changing: set).json
            #expect(json["jobs"]?.array?.map { $0["id"] } == ["a"] && json["jobs"]?[0]?["completedAt"]?.string != nil)
            let run = try await tributary("job", "a", changing: set)
            #expect(run.lines[0] == "a  completed" && run.out.contains("  completed 20"), "\(run.out)")
            #expect(run.out.contains("next: never: it has completed"))
            #expect(try await tributary("job", "hook", changing: set).status == .failed)
        }
    }

    @Loop @Test func aCompletedJobIsFoundInPostgreSQL() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPolicy()
            try await tributary.addPartner()
            _ = try await tributary("endpoint", "add", "--partner", "PARTNER001", "--url", "https://ada.example/hooks")
            let event = try tributary.event(
                .created, "order-1", ["version": 1, "currency": "KRW", "orderAmount": 5, "referralCode": "PARTNER001"],
                id: "e-1")
            let owed = try await tributary.process([event, tributary.event(.confirmed, "order-1")])
            let stored = try await tributary("job", event.eventID.description, "--json").json
            #expect(stored["job"] == .null && stored["record"]?["what"] == "event")
            #expect(stored["record"]?["row"]?["state"] == "applied")
            let price = try await tributary("job", "price-\(event.orderID)-2")
            #expect(price.out.contains("is in no queue: it has completed, or was deleted."))
            #expect(price.out.contains("In PostgreSQL: the order") && price.out.contains("tributary order order-1"))
            let delivery = try #require(owed.first)
            let sent = try await tributary("job", "delivery-\(delivery.deliveryID)-0", "--json").json["record"]
            #expect(sent?["what"] == "delivery" && sent?["row"]?["status"] == "owed")
            #expect(sent?["row"]?["attempts"] == .null)
            try await tributary.pool.executeScript(
                """
                INSERT INTO webhook_attempts (delivery_id, attempt, fence, class, http_status, total_us, next_reason)
                VALUES ('\(delivery.deliveryID)', 1, 1, 'status', 503, 12000, 'again in 30 s'),
                       ('\(delivery.deliveryID)', 2, 2, NULL, NULL, NULL, NULL)
                """)
            let tried = try await tributary("job", "delivery-\(delivery.deliveryID)-1")
            #expect(tried.out.contains("What was tried (the last 2)\n"), "\(tried.out)")
            #expect(
                tried.lines.contains {
                    $0.contains("  attempt 1  http 503, status") && $0.hasSuffix("  12 ms  again in 30 s")
                })
            #expect(tried.lines.contains { $0.contains("  attempt 2  not finished") })
            #expect(sent?["row"]?["url"] == "https://ada.example/hooks")
            let none = try await tributary("job", "price-\(UUID.version7(at: Loop.wallClock))-1")
            #expect(none.status == .failed && none.errors.contains("no queue holds a job price-"))
        }
    }
}
