import Core
import EventLoop
import JobQueue
import TestSupport
import Testing

@testable import Inspector

/// `watch`: its frames, without a terminal.
struct WatchCommandTests {
    init() { Loop.startThread() }

    @Loop @Test func framesArePrintedOneBelowTheOther() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            try await tributary.addDead([.test("dead-1", .webhooks)])
            _ = try await tributary.queue.enqueue([.test("a"), .test("b")])
            let run = try await tributary("watch", "--frames", "2", changing: ["TRIBUTARY_POSTGRES_URL": nil])
            #expect(run.status == .ok, "\(run.errors)")
            #expect(run.lines.filter { $0.hasPrefix("tributary watch  20") }.count == 2)
            #expect(run.lines.filter { $0.hasPrefix("  clicks  ") }.count == 2 && !run.out.contains("\u{1b}"))
            #expect(run.out.contains("  webhooks: 1 dead letter: tributary dead list --queue webhooks"))
        }
    }

    @Loop @Test func framesForProgramsAreLinesOfJSON() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            _ = try await tributary.queue.enqueue([.test("a"), .test("b")])
            async let counted = tributary("watch", "--frames", "3", "--json")
            try await Loop.sleep(for: .milliseconds(500))
            _ = try await tributary.queue.enqueue((0..<10).map { .test("c-\($0)") })
            let frames = try await counted.out.split(separator: "\n").map { try JSON.parse(Array($0.utf8)) }
            #expect(frames.count == 3 && frames[0]["queues"]?[0]?["ready"] == 2)
            #expect(frames[0]["queues"]?[0]?["enqueuedPerSecond"] == nil)
            #expect(frames[2]["queues"]?[0]?["ready"] == 12)
            let rate = try #require(frames[1]["queues"]?[0]?["enqueuedPerSecond"]?.number.flatMap { Double($0.text) })
            #expect((8...11).contains(rate), "\(rate)")
            #expect(frames[0]["at"]?.string != nil && frames[0]["alerts"]?.array != nil)
        }
    }

    @Loop @Test func aRedisThatIsAwayAtTheBeginningIsAnError() async throws {
        let run = try await InspectorFixture.tributary(
            ["watch", "--frames", "1"],
            ["TRIBUTARY_REDIS_URL": "redis://127.0.0.1:1/0", "TRIBUTARY_PREFIX": "none"])
        #expect(run.status == .unreachable && run.errors.contains("Redis does not answer"))
    }

    // MARK: The model

    /// A model that has looked at an empty installation so many times, and whose clicks completed so many jobs each time.
    @Loop private func model(
        _ tributary: InspectorFixture, looks: Int, completing: (Int) -> Int
    ) async throws -> WatchModel {
        var model = WatchModel(interval: .seconds(1))
        for look in 0..<looks {
            let jobs = (0..<completing(look)).map { NewJob.test("job-\(look)-\($0)") }
            if !jobs.isEmpty { _ = try await tributary.queue.enqueue(jobs) }
            for shard in 0..<4 {
                while let batch = try await tributary.queue.lease(.clicks, shard: shard, max: 100, mayTakeAlone: true)
                    .batch
                { _ = try await tributary.queue.complete(batch.jobs) }
            }
            model.take(try await QueueDepth.readAll(tributary.queue))
        }
        return model
    }

    @Loop @Test func theLastMinuteIsKept() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let model = try await model(tributary, looks: 64) { $0 == 63 ? 5 : 0 }
            let lately = model.completedLately(.clicks)
            #expect(
                lately.count == 60 && lately.last.map { $0 > 0 } == true && lately.dropLast().allSatisfy { $0 == 0 })
        }
    }

    @Loop @Test func aFrameFitsItsTerminal() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            try await tributary.addDead((0..<3).map { .test("dead-\($0)", .webhooks) })
            try await tributary.queue.pause(.batches)
            var model = try await model(tributary, looks: 3) { $0 * 4 }
            model.workers = WorkersLook(
                WorkerPresence.read(
                    (1...40).map {
                        "id=\($0) name=tributary-click-worker@host:\($0):wake-clicks age=7 idle=1 cmd=blpop"
                    }
                    .joined(separator: "\n")),
                try await WorkersInHand.read(tributary.queue, scan: 100), now: Loop.wallClock)
            for size in [
                (columns: 80, rows: 24), (columns: 200, rows: 60), (columns: 40, rows: 12), (columns: 20, rows: 3),
            ] {
                var frame = WatchFrame(model: model, now: Loop.wallClock, place: "redis://127.0.0.1:6379/0, tributary")
                frame.selected = .webhooks
                let lines = frame.lines(size: size)
                #expect(lines.count == size.rows, "\(size)")
                #expect(lines.allSatisfy { $0.width <= size.columns }, "\(size)")
                if size.columns >= 80 {
                    #expect(lines.last?.plain == "q quit   ↑ ↓ select   p pause or resume")
                    #expect(lines.contains { $0.plain.hasPrefix("› webhooks ") })
                    #expect(lines.contains { $0.plain.hasPrefix("  batches (paused) ") })
                    #expect(lines.contains { $0.plain == "Workers: 40 idle" }, "\(size)")
                }
            }
            let wide = WatchFrame(model: model, now: Loop.wallClock, place: "here").lines(size: nil).map(\.plain)
            #expect(wide.contains { $0.hasPrefix("  clicks ") && $0.contains("█") } && wide.count > 50)
        }
    }

    @Loop @Test func alertsNameWhatIsWrong() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            var model = WatchModel(interval: .seconds(1))
            model.take(try await QueueDepth.readAll(tributary.queue))
            let now = Loop.wallClock
            #expect(model.alerts(now: now).isEmpty)
            try await tributary.addDead([.test("dead-1", .webhooks), .test("dead-2", .webhooks)])
            try await tributary.queue.pause(.clicks)
            model.take(try await QueueDepth.readAll(tributary.queue))
            let texts = model.alerts(now: now).map(\.text)
            #expect(
                texts == [
                    "webhooks: 2 dead letters, 2 of them died in the last minute: tributary dead list --queue webhooks",
                    "clicks is paused",
                ])
            _ = try await tributary.queue.enqueue(.test("a", .notifications))
            model.take(try await QueueDepth.readAll(tributary.queue))
            func workers(of queue: String) async throws -> WorkersLook {
                WorkersLook(
                    WorkerPresence.read("name=tributary-x-worker@h:1:wake-\(queue) age=7 idle=1 cmd=blpop"),
                    try await WorkersInHand.read(tributary.queue, scan: 100), now: now)
            }
            let missing = "notifications: jobs wait, and no worker is there"
            model.workers = try await workers(of: "clicks")
            #expect(model.alerts(now: now).contains { $0.text == missing && $0.style == .bad })
            model.workers = try await workers(of: "notifications")
            #expect(!model.alerts(now: now).contains { $0.text == missing })
            model.fail("Redis is away", at: now)
            model.fail("Redis is away still", at: now + .seconds(3))
            let failed = model.alerts(now: now + .seconds(4))
            #expect(failed.first?.text == "no look for 4.0 s, what follows is old: Redis is away still")
            model.take(try await QueueDepth.readAll(tributary.queue))
            #expect(model.alerts(now: now).count == 2)
        }
    }

    @Test func sparklinesShowWhatIsNotNothing() {
        #expect(Sparkline.text([], width: 10) == "" && Sparkline.text([0, 0], width: 10) == "▁▁")
        #expect(Sparkline.text([0, 1, 500, 1000], width: 10) == "▁▂▅█")
        // More values than columns: means, the newest whole.
        #expect(Sparkline.text([9, 0, 0, 10, 10], width: 3).count == 3)
        #expect(Sparkline.text(Array(repeating: 7, count: 60), width: 30) == String(repeating: "█", count: 30))
    }

    @Test func keysAreReadFromTheirBytes() {
        #expect(Terminal.keys(of: Array("qp".utf8)) == [.character("q"), .character("p")])
        #expect(Terminal.keys(of: Array("\u{1b}[A\u{1b}OB\u{1b}[1;5Aj".utf8)) == [.up, .down, .up, .character("j")])
        #expect(Terminal.keys(of: Array("\u{1b}[5~\u{1b}\u{7f}".utf8)) == [])
    }
}
