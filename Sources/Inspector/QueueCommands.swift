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
            and died count since Redis has the data. `tributary watch` shows the same as it changes.
            """
    ) { session, arguments in
        let queue = try await session.queue()
        var depths = try await QueueDepth.readAll(queue)
        if arguments.optional("rates") != nil {
            let seconds = try arguments.integer("rates", or: 1, in: 1...60)
            try await Loop.sleep(for: .seconds(seconds))  // a rate is between two looks
            depths = zip(try await QueueDepth.readAll(queue), depths).map { $0.since($1) }
        }
        return answer(depths)
    }

    private static func answer(_ depths: [QueueDepth]) -> Answer {
        let hasRates = depths.contains { $0.rates != nil }
        let headings =
            ["ready", "scheduled", "leased", "dead", "oldest", "completed", "failed", "died"]
            + (hasRates ? ["enqueued/s", "completed/s", "failed/s"] : [])
        var table = Table(
            columns: [.init(heading: "queue")]
                + headings.map {
                    .init(heading: $0, isRight: true, isDroppable: ["completed", "failed", "died"].contains($0))
                }
                + [.init(heading: "", isElastic: true, isWrapped: true)])
        for depth in depths { table.rows.append(row(depth, hasRates)) }
        var page = Page()
        page.add(table)
        let dead = depths.reduce(0) { $0 + $1.sum.dead }
        if dead > 0 { page.add(["", "\(dead.counted("dead letter")): see `tributary dead list`."]) }
        for depth in depths where depth.stats.isPaused {
            page.add("\(depth.name.rawValue) is paused: `tributary resume \(depth.name.rawValue)` lets it work again.")
        }
        return Answer(["queues": .array(depths.map(\.json))], page)
    }

    private static func row(_ depth: QueueDepth, _ hasRates: Bool) -> [StyledLine] {
        let sum = depth.sum
        func count(_ number: Int, _ style: TextStyle = .plain) -> StyledLine {
            StyledLine(number.grouped, number == 0 ? .dim : style)
        }
        var cells: [StyledLine] = [
            "\(depth.name.rawValue, .bold)", count(depth.ready), count(sum.scheduled), count(sum.leased),
            count(sum.dead, .bad), "\(sum.oldestReadyAge?.words ?? "-")", count(sum.completedTotal),
            count(sum.failedTotal), count(sum.diedTotal),
        ]
        if hasRates {
            cells += [depth.rates?.enqueued, depth.rates?.completed, depth.rates?.failed].map { rate in
                StyledLine(QueueRates.shown(rate ?? 0), rate ?? 0 == 0 ? .dim : .plain)
            }
        }
        return cells + [StyledLine(depth.notes.joined(separator: ", "), .notice)]
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
