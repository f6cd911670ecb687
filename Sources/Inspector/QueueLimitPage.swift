import Core
import EventLoop
import JobQueue

/// The limits of queues as a whole: `limits set`, `limits lift`, and their part of `limits`.
enum QueueLimitPage {
    static let commands = [set, lift]

    private static let queueWord = CommandWord("queue", "which one", choices: QueueCommands.names)

    static let set = Command(
        "limits set", .queues, "Limits a queue as a whole, over all workers.",
        words: [
            queueWord,
            CommandWord("limits", "places, a rate such as 20/s, 600/m or 1/h*10, or both with + between"),
        ], examples: ["limits set webhooks 50", "limits set notifications 5+600/m*10"],
        details: """
            Places are jobs in leases at once; a rate says how many may start in a second, minute or hour, and behind * how \
            many of them at once after a rest. What a limit leaves out stays where it waits. Workers see a new limit within a \
            third of a lease; a worker whose TRIBUTARY_QUEUE_LIMITS names the queue sets its own when it starts.
            """
    ) { session, arguments in
        guard let name = QueueName(rawValue: arguments.word(0)), let limit = QueueLimit(text: arguments.word(1)) else {
            throw Arguments.Usage("<limits> are places, a rate or both, such as 50, 20/s, 600/m*10 or 5+20/s")
        }
        try await session.queue().setLimit(limit, of: name)
        return Answer(
            ["queue": .string(name.rawValue), "limit": json(limit)],
            ["\(name.rawValue, .bold) is limited. `tributary limits` shows how far it is used."])
    }

    static let lift = Command(
        "limits lift", .queues, "Lifts the limits of a queue as a whole.", words: [queueWord],
        examples: ["limits lift webhooks"]
    ) { session, arguments in
        let name = arguments.word(0)
        if let queue = QueueName(rawValue: name) { try await session.queue().setLimit(nil, of: queue) }
        return Answer(["queue": .string(name), "limit": .null], ["\(name, .bold) has no limits as a whole."])
    }

    static func page(_ queues: [(name: QueueName, stats: QueueStats.Counts, use: QueueLimitUse)]) -> Page {
        var page = Page()
        guard !queues.isEmpty else { return page }
        var table = Table(columns: [
            .init(heading: "queue"), .init(heading: "leased", isRight: true), .init(heading: "at most", isRight: true),
            .init(heading: "one starts each", isRight: true), .init(heading: "burst", isRight: true),
            .init(heading: "process", isElastic: true), .init(heading: "places", isRight: true),
            .init(heading: "wanted", isRight: true), .init(heading: "weight", isRight: true),
        ])
        for (name, stats, use) in queues {
            let isFull = use.limit.places.map { stats.leased >= $0 } ?? false
            var cells: [StyledLine] = [
                "\(name.rawValue)", "\(stats.leased.grouped, isFull ? .notice : .plain)",
                "\(use.limit.places?.grouped ?? "-")",
                "\(use.limit.rate?.startInterval.words ?? "-")",
                "\(use.limit.rate?.burst.grouped ?? "-")",
            ]
            if use.processes.isEmpty { table.rows.append(cells + ["-", "", "", ""]) }
            for process in use.processes {
                table.rows.append(
                    cells + [
                        "\(process.name)", "\(process.places.grouped)",
                        "\(process.wanted.grouped, process.wanted > process.places ? .notice : .plain)",
                        "\(process.weight)",
                    ])
                cells = ["", "", "", "", ""]
            }
        }
        page.add("")
        page.add(table)
        return page
    }

    static func json(_ use: QueueLimitUse) -> JSON {
        json(use.limit, use.processes)
    }

    private static func json(_ limit: QueueLimit, _ processes: [QueueLimitUse.Process] = []) -> JSON {
        [
            "places": limit.places.map { JSON(integer: $0) } ?? .null,
            "startIntervalUs": limit.rate.map { JSON(integer: $0.intervalMicroseconds) } ?? .null,
            "burst": limit.rate.map { JSON(integer: $0.burst) } ?? .null,
            "processes": .array(
                processes.map { process in
                    [
                        "name": .string(process.name), "places": JSON(integer: process.places),
                        "wanted": JSON(integer: process.wanted), "weight": JSON(integer: process.weight),
                    ]
                }),
        ]
    }
}

extension KeyLimit.Rate {
    fileprivate var startInterval: Duration { .microseconds(intervalMicroseconds) }
}
