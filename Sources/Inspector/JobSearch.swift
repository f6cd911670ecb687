import Core
import JobQueue

/// What `jobs` and the `dead` commands ask for, and how they show jobs.
enum JobSearch {
    static let kind = CommandOption.value("kind", "KIND", "of this kind only, such as delivery.v1")
    static let error = CommandOption.value("error", "TEXT", "with this text in the last failure")
    static let idPrefix = CommandOption.value("id-prefix", "TEXT", "whose id begins so")
    static let since = CommandOption.value("since", "WHEN", "not before: 90s, 15m, 2h, 3d ago, a day, or an instant")
    static let until = CommandOption.value("until", "WHEN", "not after, in the same forms")
    static let cursor = CommandOption.value("cursor", "CURSOR", "go on where an earlier answer ended")

    /// Behind the heads of their order keys: no state of a job, which is ready, but a place.
    static let held = "held"

    /// The filter that a command line names; everything unless it says otherwise.
    static func filter(_ arguments: Arguments, now: EpochMilliseconds) throws -> JobFilter {
        var filter = JobFilter()
        if let queue = arguments.queue { filter.queues = [queue] }
        filter.kind = arguments.optional("kind")
        filter.errorContains = arguments.optional("error")
        filter.idPrefix = arguments.optional("id-prefix")
        filter.shardKey = arguments.optional("shard-key")
        filter.since = try arguments.instant("since", now: now)
        filter.until = try arguments.instant("until", now: now)
        filter.batch = arguments.optional("batch")
        if arguments.optional("state") == held {
            filter.places = [.held]
        } else if let state = arguments.optional("state").flatMap(JobState.init(rawValue:)), !filter.only(state) {
            throw Arguments.Usage("jobs that are \(state.rawValue) leave no trace in a queue")
        }
        return filter
    }

    static func cursor(_ arguments: Arguments) throws -> JobCursor? {
        guard let text = arguments.optional("cursor") else { return nil }
        guard let cursor = JobCursor(text) else {
            throw Arguments.Usage("--cursor \(text) is none that `tributary jobs` or `tributary dead list` gave")
        }
        return cursor
    }

    /// A job in a list, without its payload.
    static func json(_ job: StoredJob) -> JSON {
        func instant(_ time: EpochMilliseconds?) -> JSON { time.map { .string($0.rfc3339) } ?? .null }
        return [
            "id": .string(job.id), "queue": .string(job.queue.rawValue), "shard": JSON(integer: job.shard),
            "kind": .string(job.kind), "state": .string(job.state.rawValue), "attempt": JSON(integer: job.attempt),
            "maxAttempts": JSON(integer: job.maxAttempts), "crashes": JSON(integer: job.crashes),
            "priority": .string("\(job.priority)"), "deadline": instant(job.deadline),
            "enqueuedAt": instant(job.enqueuedAt), "dueAt": instant(job.dueAt), "diedAt": instant(job.diedAt),
            "completedAt": instant(job.completedAt), "batch": job.batch.map { .string($0) } ?? .null,
            "orderKey": job.orderKey.map { .string($0) } ?? .null,
            "uniqueKey": job.unique.map { .string($0.key) } ?? .null, "heldBack": .bool(job.isHeldBack),
            "worker": job.worker.map { .string($0) } ?? .null,
            "failures": .array(
                job.failures.map {
                    [
                        "at": .string($0.at.rfc3339), "attempt": JSON(integer: $0.attempt),
                        "kind": .string("\($0.kind)"), "message": .string($0.message),
                    ]
                }),
        ]
    }

    /// The same with its payload: as JSON where it is some, else as text or base64.
    static func jsonWithPayload(_ job: StoredJob) -> JSON {
        guard case .object(var object) = json(job) else { return .null }
        let payload = JobPayload(job.payload)
        object["payload"] = payload.json
        if case .bytes = payload { object["payloadIsBase64"] = true }
        return .object(object)
    }

    static func style(of state: JobState) -> TextStyle {
        switch state {
        case .dead, .quarantined: .bad
        case .scheduled: .notice
        case .ready, .leased, .live, .completed, .cancelled, .expired: .plain
        }
    }

    static func table(_ jobs: [StoredJob], now: EpochMilliseconds) -> Table {
        var table = Table(columns: [
            .init(heading: "queue"), .init(heading: "state"), .init(heading: "id"),
            .init(heading: "kind", isDroppable: true),
            .init(heading: "failed", isRight: true), .init(heading: "when"),
            .init(heading: "last failure, or more", isElastic: true),
        ])
        table.rows = jobs.map { job in
            [
                "\(job.queue.rawValue)", "\(job.isHeldBack ? held : job.state.rawValue, style(of: job.state))",
                "\(job.id)",
                "\(job.kind)",
                "\(job.attempt)/\(job.maxAttempts)",
                "\((job.dueAt ?? job.diedAt ?? job.completedAt ?? job.enqueuedAt)?.roughly(to: now) ?? "-")",
                "\(note(job))",
            ]
        }
        return table
    }

    private static func note(_ job: StoredJob) -> String {
        let batch = job.batch.map { "batch \($0)" }
        let held = job.isHeldBack ? job.orderKey.map { "behind key \($0)" } : nil
        let running = job.worker.map { "runs on \($0)" }
        let notes = [job.failures.last?.message ?? running, held, batch].compactMap(\.self)
        return notes.isEmpty ? "-" : notes.joined(separator: "; ")
    }
}
