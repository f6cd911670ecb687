import Core
import EventLoop
import JobQueue

/// `queues`, `pause` and `resume`.
enum QueueCommands {
    static let all = [queues, pause, resume]

    static let names = QueueName.allCases.map(\.rawValue)
    static let queueOption = CommandOption.value("queue", "NAME", "of this queue only", choices: names)
    private static let queueWord = CommandWord("queue", "which one", choices: names)

    static let queues = Command(
        "queues", .queues, "Shows each queue: jobs by state, how long the oldest has waited, and what was done.",
        options: [.value("rates", "SECONDS", "count for so long, 1 to 60, and show jobs a second")],
        examples: ["queues", "queues --rates 5", "queues --json | jq '.queues[] | select(.dead > 0)'"],
        details: """
            Oldest is the time since the next ready job was enqueued; for a retried one that is long ago. Completed, failed \
            and died count since Redis has the data.
            """
    ) { session, arguments in
        let queue = try await session.queue()
        var depths = try await QueueCommands.depths(queue)
        if arguments.optional("rates") != nil {
            let seconds = try arguments.integer("rates", or: 1, in: 1...60)
            try await Loop.sleep(for: .seconds(seconds))
            let later = try await QueueCommands.depths(queue)
            for index in later.indices {
                let before = depths[index].stats.sum
                depths[index] = later[index]
                depths[index].rates = Rates(from: before, to: later[index].stats.sum, seconds: Int64(seconds))
            }
        }
        return answer(depths)
    }

    private struct Depth {
        let name: QueueName
        let stats: QueueStats
        var rates: Rates?

        var ready: Int { stats.sum.ready + stats.sum.suspects }
    }

    /// Jobs a second, in tenths.
    private struct Rates {
        let completed: Int64
        let failed: Int64

        init(from before: QueueStats.Counts, to after: QueueStats.Counts, seconds: Int64) {
            completed = Int64(max(0, after.completedTotal - before.completedTotal)) * 10 / seconds
            failed = Int64(max(0, after.failedTotal - before.failedTotal)) * 10 / seconds
        }

        static func shown(_ tenths: Int64) -> String { "\((tenths / 10).grouped).\(tenths % 10)" }

        static func json(_ tenths: Int64) -> JSON {
            JSONNumber(shown(tenths).replacing(",", with: "")).map(JSON.number) ?? .null
        }
    }

    @Loop private static func depths(_ queue: JobQueue) async throws -> [Depth] {
        var depths: [Depth] = []
        for name in QueueName.allCases { depths.append(Depth(name: name, stats: try await queue.stats(name))) }
        return depths
    }

    private static func answer(_ depths: [Depth]) -> Answer {
        let hasRates = depths.contains { $0.rates != nil }
        let headings =
            ["ready", "scheduled", "leased", "dead", "oldest", "completed", "failed", "died"]
            + (hasRates ? ["completed/s", "failed/s"] : [])
        var table = Table(
            columns: [.init(heading: "queue")] + headings.map { .init(heading: $0, isRight: true) }
                + [.init(heading: "")])
        for depth in depths { table.rows.append(row(depth, hasRates)) }
        var page = Page()
        page.add(table)
        let dead = depths.reduce(0) { $0 + $1.stats.sum.dead }
        if dead > 0 { page.add(["", "\(dead.counted("dead letter")): see `tributary dead list`."]) }
        for depth in depths where depth.stats.isPaused {
            page.add("\(depth.name.rawValue) is paused: `tributary resume \(depth.name.rawValue)` lets it work again.")
        }
        return Answer(["queues": .array(depths.map(json))], page)
    }

    private static func row(_ depth: Depth, _ hasRates: Bool) -> [StyledLine] {
        let sum = depth.stats.sum
        func count(_ number: Int, _ style: TextStyle = .plain) -> StyledLine {
            StyledLine(number.grouped, number == 0 ? .dim : style)
        }
        var cells: [StyledLine] = [
            "\(depth.name.rawValue, .bold)", count(depth.ready), count(sum.scheduled), count(sum.leased),
            count(sum.dead, .bad), "\(sum.oldestReadyAge?.words ?? "-")", count(sum.completedTotal),
            count(sum.failedTotal), count(sum.diedTotal),
        ]
        if hasRates {
            cells.append("\(Rates.shown(depth.rates?.completed ?? 0))")
            cells.append("\(Rates.shown(depth.rates?.failed ?? 0))")
        }
        var notes: [String] = depth.stats.isPaused ? ["paused"] : []
        if sum.expiredTotal > 0 { notes.append("\(sum.expiredTotal.grouped) expired") }
        if sum.heldBack > 0 { notes.append("\(sum.heldBack.grouped) held back by their order keys") }
        if sum.suspects > 0 { notes.append("\(sum.suspects) of the ready wait to run alone") }
        return cells + [StyledLine(notes.joined(separator: ", "), .notice)]
    }

    private static func json(_ depth: Depth) -> JSON {
        let sum = depth.stats.sum
        var members: [(String, JSON)] = [
            ("queue", .string(depth.name.rawValue)), ("ready", JSON(integer: depth.ready)),
            ("alone", JSON(integer: sum.suspects)), ("heldBack", JSON(integer: sum.heldBack)),
            ("scheduled", JSON(integer: sum.scheduled)),
            ("leased", JSON(integer: sum.leased)), ("dead", JSON(integer: sum.dead)),
            ("paused", .bool(depth.stats.isPaused)),
            ("oldestReadyMs", sum.oldestReadyAge.map { JSON(integer: $0.milliseconds) } ?? .null),
            ("completedTotal", JSON(integer: sum.completedTotal)), ("failedTotal", JSON(integer: sum.failedTotal)),
            ("diedTotal", JSON(integer: sum.diedTotal)), ("expiredTotal", JSON(integer: sum.expiredTotal)),
            ("cancelledTotal", JSON(integer: sum.cancelledTotal)),
            ("kept", JSON(integer: sum.kept)),
        ]
        if let rates = depth.rates {
            members += [
                ("completedPerSecond", Rates.json(rates.completed)), ("failedPerSecond", Rates.json(rates.failed)),
            ]
        }
        return .object(JSONObject(members))
    }

    static let pause = Command(
        "pause", .queues, "Stops leasing from a queue; what runs goes on, and enqueuing too.", words: [queueWord],
        examples: ["pause webhooks"]
    ) { session, arguments in
        let name = arguments.word(0)
        if let queue = QueueName(rawValue: name) { try await session.queue().pause(queue) }
        return Answer(
            ["queue": .string(name), "paused": true],
            ["\(name, .bold) is \("paused", .notice). `tributary resume \(name)` lets it work again."])
    }

    static let resume = Command(
        "resume", .queues, "Lets a paused queue work again.", words: [queueWord], examples: ["resume webhooks"]
    ) { session, arguments in
        let name = arguments.word(0)
        if let queue = QueueName(rawValue: name) { try await session.queue().resume(queue) }
        return Answer(["queue": .string(name), "paused": false], ["\(name, .bold) works again."])
    }
}
