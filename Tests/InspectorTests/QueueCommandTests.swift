import Core
import EventLoop
import JobQueue
import Ledger
import Redis
import Testing

@testable import Inspector

/// `queues`, `pause`, `resume`, `schedules`, `rebuild` and `schedule run`.
struct QueueCommandTests {
    init() { Loop.startThread() }

    @Loop @Test func queuesAreCountedByState() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addDead([.test("dead-1")])
            _ = try await tributary.queue.enqueue([
                .test("a"), .test("b"), .test("later", delay: .seconds(600)),
            ])
            let queues = try await tributary("queues", "--json").json["queues"]?.array ?? []
            #expect(queues.map { $0["queue"]?.string } == QueueName.allCases.map(\.rawValue))
            let clicks = queues[0]
            for (key, count) in [("ready", 2), ("scheduled", 1), ("leased", 0), ("dead", 1), ("diedTotal", 1)] {
                #expect(clicks[key]?.integer == Int64(count), "\(key)")
            }
            #expect(clicks["paused"] == false && clicks["oldestReadyMs"]?.integer != nil)
            #expect(queues[1]["oldestReadyMs"] == .null)
            let run = try await tributary("queues")
            #expect(run.lines[0].hasPrefix("queue          ready  scheduled  leased  dead  "))
            #expect(run.lines[1].hasPrefix("clicks             2          1       0     1  "))
            #expect(run.out.contains("1 dead letter: see `tributary dead list`."))
        }
    }

    @Loop @Test func whatIsEnqueuedAndTheLimitOfAQueueAreTold() async throws {
        try await InspectorFixture.run { tributary in
            async let counted = tributary(
                "queues", "--rates", "2", "--json", changing: ["TRIBUTARY_QUEUE_LENGTH_MAX": "clicks=40"])
            // Enqueued one by one while it counts; half of them are done before it ends, some of them dead.
            for number in 0..<40 {
                try await Loop.sleep(for: .milliseconds(10))
                _ = try await tributary.queue.enqueue(.test("job-\(number)"))
                guard number.isMultiple(of: 2) else { continue }
                for shard in 0..<4 {
                    let batch = try await tributary.queue.lease(.clicks, shard: shard, max: 1, mayTakeAlone: true).batch
                    guard let batch else { continue }
                    let isBad = number.isMultiple(of: 8)
                    _ = try await tributary.queue.settle(
                        batch.jobs.map { (job: $0, verdict: isBad ? .bury(reason: "no") : .complete()) })
                }
            }
            let clicks = try await counted.json["queues"]?[0]
            let rate = try #require(clicks?["enqueuedPerSecond"]?.number.flatMap { Double($0.text) })
            // 20 a second, but for those that came before the first look.
            #expect((10...20.2).contains(rate), "\(rate)")
            #expect(clicks?["lengthMax"] == 40)
            let run = try await tributary("queues", changing: ["TRIBUTARY_QUEUE_LENGTH_MAX": "clicks=4"])
            #expect(run.lines[1].contains("at most 4"))
        }
    }

    @Loop @Test func aPausedQueueSaysHowToGoOn() async throws {
        try await InspectorFixture.run { tributary in
            #expect(
                try await tributary("pause", "webhooks", "--json").out == #"{"queue":"webhooks","paused":true}"# + "\n")
            let run = try await tributary("queues")
            #expect(run.out.contains("webhooks is paused: `tributary resume webhooks` lets it work again."))
            _ = try await tributary.queue.enqueue(.test("a", .webhooks))
            #expect(try await tributary("job", "a").out.contains("but queue webhooks is paused"))
            #expect(try await tributary("resume", "webhooks").out == "webhooks works again.\n")
            #expect(try await !tributary("queues").out.contains("paused"))
        }
    }

    @Loop @Test func ratesAreCountedOverATime() async throws {
        try await InspectorFixture.run { tributary in
            _ = try await tributary.queue.enqueue((0..<30).map { .test("job-\($0)") })
            async let counted = tributary("queues", "--rates", "1", "--json")
            // Completed one by one while it counts: the first ones may come before its first look.
            for shard in 0..<4 {
                while let batch = try await tributary.queue.lease(.clicks, shard: shard, max: 1, mayTakeAlone: true)
                    .batch
                {
                    try await Loop.sleep(for: .milliseconds(10))
                    _ = try await tributary.queue.complete(batch.jobs)
                }
            }
            let clicks = try await counted.json["queues"]?[0]
            let rate = try #require(clicks?["completedPerSecond"]?.number.flatMap { Double($0.text) })
            #expect((0.5...30).contains(rate), "\(rate)")
            #expect(clicks?["failedPerSecond"]?.number?.text == "0.0")
            // All were there before it began: what went was not enqueued meanwhile.
            #expect(clicks?["enqueuedPerSecond"]?.number?.text == "0.0")
        }
    }

    @Loop @Test func schedulesShowTheirNextSlots() async throws {
        try await InspectorFixture.run { tributary in
            let schedules = try await tributary("schedules", "--next", "2", "--json").json["schedules"]?.array ?? []
            let confirmation = schedules.first { $0["name"] == "commission-confirmation" }
            #expect(confirmation?["timeZone"] == "Asia/Seoul")
            #expect(confirmation?["next"]?.array?.count == 2)
            // 2 AM in Seoul.
            #expect(confirmation?["next"]?[0]?["instant"]?.string?.hasSuffix("T17:00:00.000Z") == true)
            #expect(try await tributary("schedules").out.contains("commission-confirmation  0 2 * * *  Asia/Seoul\n"))
        }
    }

    @Loop @Test func aScheduleIsPausedAndResumed() async throws {
        try await InspectorFixture.run { tributary in
            let name = "commission-confirmation"
            #expect(try await tributary("schedule", "pause", name).out.hasPrefix("\(name) is paused."))
            #expect(try await tributary("schedule", "pause", name, "--json").json["changed"] == false)
            #expect(try await tributary("schedules").out.contains("paused since 20"))
            let paused = try await tributary("schedules", "--json").json["schedules"]?[0]?["pausedSince"]
            #expect(paused?.string != nil)
            #expect(try await tributary("schedule", "resume", name).out.hasPrefix("\(name) fires again, next at 20"))
            #expect(try await tributary("schedule", "resume", name).out.hasPrefix("\(name) was not paused"))
            #expect(try await tributary("schedules", "--json").json["schedules"]?[0]?["pausedSince"] == .null)
            let unknown = try await tributary("schedule", "pause", "payout")
            #expect(unknown.status == .failed)
            #expect(unknown.errors.contains("there is no schedule payout: commission-confirmation"))
        }
    }

    @Loop @Test func anExpressionIsPreviewedWithoutAnyStore() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            // Berlin's clocks went back on 25 October 2026.
            let berlin = try await tributary(
                "schedules", "preview", "--cron", "0 2 * * *", "--zone", "Europe/Berlin", "--from",
                "2026-10-24T12:00:00Z", "--next", "2", "--json")
            #expect(
                try berlin.json["schedules"]?[0]?["next"]?.array?.map { $0["instant"] } == [
                    "2026-10-25T00:00:00.000Z", "2026-10-26T01:00:00.000Z",
                ])
            #expect(try await tributary("schedules", "preview").out.contains("0 2 * * *  Asia/Seoul\n"))
            #expect(
                try await tributary("schedules", "preview", "--cron", "0 0 31 2 *").errors.contains(
                    "--cron: day of month: none of the months has such a day"))
            let zone = try await tributary("schedules", "preview", "--cron", "* * * * *", "--zone", "Mars/Base")
            #expect(zone.status == .usage && zone.errors.contains("--zone: "))
            #expect(try await tributary("schedules", "preview", "--zone", "UTC").status == .usage)
        }
    }

    @Loop @Test func whatIsOwedIsEnqueuedAgain() async throws {
        try await InspectorFixture.run { tributary in
            #expect(try await tributary("rebuild").out == "Nothing is owed.\n")
            try await tributary.addPartner()
            _ = try await tributary.book.record([
                tributary.event(.created, "order-1", ["version": 1, "currency": "KRW", "orderAmount": 5]),
                tributary.event(.confirmed, "order-1"),
            ])
            let first = try await tributary("rebuild", "--json").json
            #expect(first["steps"]?[0]?["what"] == "pricings" && first["enqueued"] == 1)
            #expect(try await tributary("rebuild", "--json").json["enqueued"] == 0)
            #expect(try await tributary.depth(.commissions).ready == 1)
        }
    }

    @Loop @Test func aDryRunOfTheConfirmationCountsWhatIsDue() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPolicy()
            try await tributary.addPartner()
            try await tributary.addOrder()
            let empty = try await tributary("schedule", "run", "commission-confirmation", "--dry-run")
            #expect(empty.out.contains("No commission is past its hold."))
            let later = (Loop.wallClock + .seconds(30 * 86_400)).rfc3339
            let run = try await tributary(
                "schedule", "run", "commission-confirmation", "--dry-run", "--now", later, "--json")
            #expect(try run.json["due"] == [["currency": "KRW", "count": 1, "sumMinor": 10_000]])
            #expect(try await tributary.commission()["status"] == "pending")
            let unknown = try await tributary("schedule", "run", "commission-confirmaton")
            #expect(unknown.status == .failed && unknown.errors.contains("did you mean commission-confirmation?"))
        }
    }

    @Loop @Test func aRunWithoutAWorkerSaysWhatIsMissing() async throws {
        try await InspectorFixture.run { tributary in
            let run = try await tributary("schedule", "run", "commission-confirmation", "--wait", "1")
            #expect(run.status == .failed && run.errors.contains("is a batch worker running?"), "\(run.errors)")
        }
    }
}
