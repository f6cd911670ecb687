import Core
import EventLoop
import JobQueue

/// `queues`, `job`, `dead …`, `pause` and `resume`.
enum QueueCommands {
    static let all = [queues, job, deadList, deadRetry, deadDelete, pause, resume]

    static let queues = Command(
        "queues", "Shows each queue: what is ready, scheduled, leased, dead, and how old the oldest ready job is."
    ) { session, _ in
        let queue = try await session.queue()
        var rows: [[String]] = []
        var json: [JSON] = []
        for name in QueueName.allCases {
            let stats = try await queue.stats(name)
            let sum = stats.sum
            json.append([
                "queue": .string(name.rawValue), "ready": JSON(integer: sum.ready + sum.suspects),
                "scheduled": JSON(integer: sum.scheduled), "leased": JSON(integer: sum.leased),
                "dead": JSON(integer: sum.dead), "paused": .bool(stats.isPaused),
                "oldestReadyMs": sum.oldestReadyAge.map { JSON(integer: $0.milliseconds) } ?? .null,
                "completedTotal": JSON(integer: sum.completedTotal), "failedTotal": JSON(integer: sum.failedTotal),
            ])
            rows.append([
                name.rawValue + (stats.isPaused ? " (paused)" : ""), "\(sum.ready + sum.suspects)", "\(sum.scheduled)",
                "\(sum.leased)", "\(sum.dead)", sum.oldestReadyAge.map { "\($0.milliseconds) ms" } ?? "-",
                "\(sum.completedTotal)",
            ])
        }
        let shown = table(rows, ["queue", "ready", "scheduled", "leased", "dead", "oldest", "completed"])
        return Answer(["queues": .array(json)], shown.lines)
    }

    static let job = Command(
        "job", "Shows one job with its payload and the history of its failures.", usage: "<job id>"
    ) {
        session, arguments in
        let id = try arguments.word(0, "job id")
        let queue = try await session.queue()
        for name in QueueName.allCases {
            if let job = try await queue.find(id, in: name) { return show(job) }
        }
        throw Refusal("no queue holds a job \(id); a completed one leaves its trace in PostgreSQL only")
    }

    private static func show(_ job: StoredJob) -> Answer {
        var lines = [
            "\(job.id)  \(job.kind)  in \(job.queue.rawValue), shard \(job.shard)",
            "  state \(job.state.rawValue), failed \(job.attempt) of \(job.maxAttempts), crashes \(job.crashes)",
        ]
        if let dueAt = job.dueAt { lines.append("  due \(dueAt.rfc3339)") }
        lines.append("  payload \(String(decoding: job.payload.prefix(2000), as: UTF8.self))")
        for failure in job.failures {
            lines.append("  \(failure.at.rfc3339)  attempt \(failure.attempt)  \(failure.message)")
        }
        return Answer(json(job), lines)
    }

    private static func json(_ job: StoredJob) -> JSON {
        [
            "id": .string(job.id), "queue": .string(job.queue.rawValue), "shard": JSON(integer: job.shard),
            "kind": .string(job.kind), "state": .string(job.state.rawValue), "attempt": JSON(integer: job.attempt),
            "maxAttempts": JSON(integer: job.maxAttempts), "crashes": JSON(integer: job.crashes),
            "payload": .string(String(decoding: job.payload, as: UTF8.self)),
            "failures": .array(
                job.failures.map {
                    [
                        "at": .string($0.at.rfc3339), "attempt": JSON(integer: $0.attempt),
                        "message": .string($0.message),
                    ]
                }),
        ]
    }

    static let deadList = Command(
        "dead list", "Lists dead letters with their last failure.", usage: "[--queue NAME] [--limit 100]",
        options: ["queue", "limit"]
    ) { session, arguments in
        let dead = try await deadLetters(session, arguments, limit: Int(arguments.optional("limit") ?? "100") ?? 100)
        let rows = dead.map {
            [$0.queue.rawValue, $0.id, $0.kind, $0.diedAt?.rfc3339 ?? "-", $0.failures.last?.message ?? "-"]
        }
        return Answer(
            ["jobs": .array(dead.map(json))], table(rows, ["queue", "id", "kind", "died", "last failure"]).lines)
    }

    static let deadRetry = Command(
        "dead retry", "Puts dead letters back to work: one by id, or all of a queue.",
        usage: "[<job id>] [--queue NAME] [--dry-run]", options: ["queue"], flags: ["dry-run"]
    ) { session, arguments in
        try await move(session, arguments, "retried") { try await $0.redrive($1) }
    }

    static let deadDelete = Command(
        "dead delete", "Deletes dead letters: one by id, or all of a queue.",
        usage: "[<job id>] [--queue NAME] [--dry-run]", options: ["queue"], flags: ["dry-run"]
    ) { session, arguments in
        try await move(session, arguments, "deleted") { try await $0.delete($1) }
    }

    @Loop private static func move(
        _ session: Session, _ arguments: Arguments, _ word: String,
        _ action: @Loop (JobQueue, [StoredJob]) async throws -> Int
    ) async throws -> Answer {
        guard !arguments.positional.isEmpty || arguments.optional("queue") != nil else {
            throw Arguments.Usage(description: "name a job, or a queue by --queue")
        }
        var jobs = try await deadLetters(session, arguments, limit: .max)
        if let id = arguments.positional.first { jobs = jobs.filter { $0.id == id } }
        let count = arguments.has("dry-run") ? jobs.count : try await action(try await session.queue(), jobs)
        return Answer(
            ["count": JSON(integer: count), "dryRun": .bool(arguments.has("dry-run"))],
            [arguments.has("dry-run") ? "\(count) jobs would be \(word)." : "\(count) jobs were \(word)."])
    }

    @Loop private static func deadLetters(
        _ session: Session, _ arguments: Arguments, limit: Int
    ) async throws -> [StoredJob] {
        let queue = try await session.queue()
        var jobs: [StoredJob] = []
        for name in try names(arguments) {
            var cursor: DeadLetterCursor?
            repeat {
                let page = try await queue.deadLetters(name, after: cursor, limit: 100)
                jobs += page.jobs
                cursor = page.next
            } while cursor != nil && jobs.count < limit
        }
        return Array(jobs.prefix(limit))
    }

    private static func names(_ arguments: Arguments) throws -> [QueueName] {
        guard let word = arguments.optional("queue") else { return QueueName.allCases }
        return [try name(word)]
    }

    private static func name(_ word: String) throws -> QueueName {
        guard let name = QueueName(rawValue: word) else {
            let all = QueueName.allCases.map(\.rawValue).joined(separator: ", ")
            throw Arguments.Usage(description: "there is no queue \(word): one of \(all)")
        }
        return name
    }

    static let pause = Command("pause", "Stops leasing from a queue; enqueuing goes on.", usage: "<queue>") {
        session, arguments in
        let name = try name(try arguments.word(0, "queue"))
        try await session.queue().pause(name)
        return Answer(["queue": .string(name.rawValue), "paused": true], ["\(name.rawValue) is paused."])
    }

    static let resume = Command("resume", "Lets a paused queue work again.", usage: "<queue>") { session, arguments in
        let name = try name(try arguments.word(0, "queue"))
        try await session.queue().resume(name)
        return Answer(["queue": .string(name.rawValue), "paused": false], ["\(name.rawValue) works again."])
    }
}
