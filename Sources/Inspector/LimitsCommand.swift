import Core
import EventLoop
import JobQueue

/// `limits`: what bounds the queues and the keys of their jobs, and how far each is used.
enum LimitsCommand {
    static let command = Command(
        "limits", .queues,
        "Shows the limits in force: lengths, what is kept, queues as a whole, and keys with jobs held back.",
        options: [
            QueueCommands.queueOption,
            .value("scan", "NUMBER", "jobs to look at for keys, of each queue, 1 to 1,000,000; 5,000 by default"),
        ], examples: ["limits", "limits --queue webhooks --json"],
        details: """
            Lengths and kept jobs are those of the configuration that this program reads (TRIBUTARY_QUEUE_LENGTH_MAX, \
            TRIBUTARY_KEEP_COMPLETED). A queue as a whole is limited by `tributary limits set` or by a worker's \
            TRIBUTARY_QUEUE_LIMITS. A key stands in its jobs: shown are those of jobs that were looked at.
            """
    ) { session, arguments in
        let queue = try await session.queue()
        let names = arguments.queue.map { [$0] } ?? QueueName.allCases
        let scan = try arguments.integer("scan", or: 5000, in: 1...1_000_000)
        var usages: [Usage] = []
        for depth in try await QueueDepth.readAll(queue, names) {
            var usage = Usage(depth: depth, limit: try await queue.limit(of: depth.name))
            // Whether any job has a key, only the jobs know.
            if depth.length > 0 { try await usage.look(queue, scan: scan) }
            usages.append(usage)
        }
        return answer(usages, queue.configuration)
    }

    /// A key as the jobs that were looked at have it.
    private struct Key {
        var places: Int
        var startInterval: Duration?
        var burst: Int
        var out = 0
        var heldBack = 0
    }

    private struct Usage {
        let depth: QueueDepth
        /// Of the queue as a whole.
        let limit: QueueLimitUse?
        var keys: [String: Key] = [:]
        /// Whether some of its jobs were not looked at.
        var isCut = false

        var name: QueueName { depth.name }

        @Loop mutating func look(_ queue: JobQueue, scan: Int) async throws {
            var filter = JobFilter()
            filter.queues = [name]
            filter.places = [.held, .leased, .scheduled, .alone, .urgent, .high, .ready, .low]
            let search = try await JobCommands.search(queue, filter, from: nil, limit: scan, scan: scan)
            isCut = search.next != nil
            for job in search.jobs {
                guard let name = job.orderKey else { continue }
                var key = keys[name] ?? Key(places: job.places, startInterval: job.startInterval, burst: job.burst)
                if job.isHeldBack { key.heldBack += 1 } else { key.out += 1 }
                keys[name] = key
            }
        }

        /// Those with the longest lines first.
        var sorted: [(name: String, key: Key)] {
            keys.map { ($0.key, $0.value) }.sorted { ($1.1.heldBack, $0.0) < ($0.1.heldBack, $1.0) }
        }
    }

    /// Keys that a person is shown; `--json` has all.
    private static let shownMax = 50

    private static func answer(_ usages: [Usage], _ configuration: JobQueueConfiguration) -> Answer {
        var table = Table(columns: [
            .init(heading: "queue"), .init(heading: "jobs", isRight: true), .init(heading: "at most", isRight: true),
            .init(heading: "kept", isRight: true), .init(heading: "at most", isRight: true),
            .init(heading: "for", isRight: true), .init(heading: "held back", isRight: true),
        ])
        table.rows = usages.map { usage in
            let (depth, lengthMax) = (usage.depth, usage.depth.lengthMax)
            let retention = configuration.keptCompleted[usage.name]
            let isFull = lengthMax.map { depth.length >= $0 } ?? false
            return [
                "\(usage.name.rawValue, .bold)", "\(depth.length.grouped, isFull ? .bad : .plain)",
                "\(lengthMax?.grouped ?? "-")", "\(depth.sum.kept.grouped)", "\(retention?.count.grouped ?? "-")",
                "\(retention?.age.words ?? "-")", "\(depth.sum.heldBack.grouped)",
            ]
        }
        var page = Page()
        page.add(table)
        page.add(
            QueueLimitPage.page(usages.compactMap { usage in usage.limit.map { (usage.name, usage.depth.sum, $0) } }))
        page.add(keys(usages))
        for usage in usages where usage.isCut {
            page.add("\(usage.name.rawValue) has more jobs than were looked at for keys: --scan looks at more.")
        }
        return Answer(["queues": .array(usages.map { json($0, configuration) })], page)
    }

    private static func keys(_ usages: [Usage]) -> Page {
        var page = Page()
        let all = usages.flatMap { usage in usage.sorted.map { (usage.name, $0.name, $0.key) } }
        guard !all.isEmpty else { return page }
        var table = Table(columns: [
            .init(heading: "queue"), .init(heading: "key", isElastic: true), .init(heading: "out", isRight: true),
            .init(heading: "at once", isRight: true), .init(heading: "held back", isRight: true),
            .init(heading: "one starts each", isRight: true), .init(heading: "burst", isRight: true),
        ])
        table.rows = all.prefix(shownMax).map { queue, name, key in
            [
                "\(queue.rawValue)", "\(name)", "\(key.out.grouped)", "\(key.places)",
                "\(key.heldBack.grouped, key.heldBack > 0 ? .notice : .plain)", "\(key.startInterval?.words ?? "-")",
                "\(key.startInterval == nil ? "-" : String(key.burst))",
            ]
        }
        page.add("")
        page.add(table)
        if all.count > shownMax { page.add("… \((all.count - shownMax).counted("more key")); --json has all") }
        return page
    }

    private static func json(_ usage: Usage, _ configuration: JobQueueConfiguration) -> JSON {
        let retention = configuration.keptCompleted[usage.name]
        return [
            "queue": .string(usage.name.rawValue), "jobs": JSON(integer: usage.depth.length),
            "lengthMax": usage.depth.lengthMax.map { JSON(integer: $0) } ?? .null,
            "kept": JSON(integer: usage.depth.sum.kept),
            "keptMax": retention.map { JSON(integer: $0.count) } ?? .null,
            "keptForMs": retention.map { JSON(integer: $0.age.milliseconds) } ?? .null,
            "limit": usage.limit.map(QueueLimitPage.json) ?? .null,
            "heldBack": JSON(integer: usage.depth.sum.heldBack), "keysComplete": .bool(!usage.isCut),
            "keys": .array(
                usage.sorted.map { name, key in
                    [
                        "key": .string(name), "out": JSON(integer: key.out), "places": JSON(integer: key.places),
                        "heldBack": JSON(integer: key.heldBack),
                        "startIntervalUs": key.startInterval.map { JSON(integer: $0.microseconds) } ?? .null,
                        "burst": JSON(integer: key.burst),
                    ]
                }),
        ]
    }
}
