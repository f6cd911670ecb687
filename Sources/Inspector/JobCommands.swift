import Core
import EventLoop
import JobQueue
import Postgres

/// `jobs` and `job`: looking for jobs, and everything about one.
enum JobCommands {
    static let all = [jobs, job]

    private static let states: [JobState] = [.ready, .leased, .scheduled, .dead, .quarantined, .completed]

    static let jobs = Command(
        "jobs", .queues, "Looks for jobs in the queues, a bounded number at a time.",
        options: [
            QueueCommands.queueOption,
            .value("state", "STATE", "in this state only", choices: states.map(\.rawValue)), JobSearch.kind,
            JobSearch.error, JobSearch.idPrefix,
            .value("shard-key", "KEY", "look only where jobs of this order, endpoint or code lie"), JobSearch.since,
            JobSearch.until, .value("limit", "NUMBER", "jobs to show, 1 to 1,000; 50 by default"),
            .value("scan", "NUMBER", "jobs to look at, 1 to 1,000,000; 20,000 by default"), JobSearch.cursor,
        ],
        examples: [
            "jobs --queue webhooks --state scheduled", "jobs --error \"timed out\" --since 2h",
            "jobs --id-prefix price-0d3f6c1e --json",
        ],
        details: """
            A completed job leaves its queue, unless the queue keeps some: `tributary job <id>` finds what PostgreSQL knows of it. Times are when a job was \
            enqueued, or when it died. What moves while the search goes on may be missed or shown twice.
            """
    ) { session, arguments in
        let now = Loop.wallClock
        let filter = try JobSearch.filter(arguments, now: now)
        let limit = try arguments.integer("limit", or: 50, in: 1...1000)
        let scan = try arguments.integer("scan", or: 20_000, in: 1...1_000_000)
        let cursor = try JobSearch.cursor(arguments)
        let search = try await search(try await session.queue(), filter, from: cursor, limit: limit, scan: scan)
        return answer(search, arguments, command: "jobs", now: now)
    }

    struct Search {
        var jobs: [StoredJob] = []
        var seen = 0
        /// Where to go on; `nil` when everything was looked at.
        var next: JobCursor?
    }

    /// Looks until `limit` jobs match or `scan` were looked at.
    @Loop static func search(
        _ queue: JobQueue, _ filter: JobFilter, from cursor: JobCursor?, limit: Int, scan: Int
    ) async throws -> Search {
        var search = Search()
        search.next = cursor
        repeat {
            // No more than can still be shown: the cursor stands behind whole pages.
            let page = try await queue.scan(
                filter, after: search.next, limit: min(limit - search.jobs.count, scan - search.seen))
            search.jobs += page.jobs
            search.seen += page.seen
            search.next = page.next
        } while search.next != nil && search.jobs.count < limit && search.seen < scan
        return search
    }

    static func answer(_ search: Search, _ arguments: Arguments, command: String, now: EpochMilliseconds) -> Answer {
        var page = Page()
        if !search.jobs.isEmpty { page.add(JobSearch.table(search.jobs, now: now)) }
        let looked = "\(search.seen.counted("job")) looked at, \(search.jobs.count.grouped) shown"
        if let next = search.next {
            page.add(["", "\(looked); there is more. Go on with the same options and --cursor \(next)"])
        } else {
            page.add((search.jobs.isEmpty ? [] : [""]) + ["\(looked); that is all."])
        }
        return Answer(
            [
                "jobs": .array(search.jobs.map(JobSearch.json)), "seen": JSON(integer: search.seen),
                "cursor": search.next.map { .string($0.description) } ?? .null,
            ], page)
    }

    // MARK: One job

    static let job = Command(
        "job", .queues, "Shows one job: its payload and failures, when it runs next and why, what it did.",
        words: [CommandWord("job id", "as `tributary jobs` shows it")],
        examples: ["job delivery-0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061-0"],
        details: "A completed job has left its queue; what it did stands in PostgreSQL and is shown from there."
    ) { session, arguments in
        let id = arguments.word(0)
        let queue = try await session.queue()
        var found: StoredJob?
        for name in QueueName.allCases where found == nil { found = try await queue.find(id, in: name) }
        var trail: JobTrail?
        if let pool = try await session.postgresIfConfigured() { trail = try await JobTrail.read(pool, jobID: id) }
        guard found != nil || trail != nil else {
            throw Refusal(
                "no queue holds a job \(id), and PostgreSQL knows nothing of it: see `tributary jobs --id-prefix …`")
        }
        var page = Page()
        if let found {
            let isPaused = try await queue.stats(found.queue).isPaused
            add(found, isPaused: isPaused, to: &page, now: Loop.wallClock)
        } else {
            page.add("\(id, .bold) is in no queue: it has completed, or was deleted.")
        }
        if let trail { page.add(trail.page) }
        return Answer(
            [
                "job": found.map(JobSearch.jsonWithPayload) ?? .null,
                "record": trail.map { ["what": .string($0.what), "row": $0.row] } ?? .null,
            ], page)
    }

    private static func add(_ job: StoredJob, isPaused: Bool, to page: inout Page, now: EpochMilliseconds) {
        page.add("\(job.id, .bold)  \(job.state.rawValue, JobSearch.style(of: job.state))")
        page.add("  \(job.kind.isEmpty ? "-" : job.kind) in queue \(job.queue.rawValue), shard \(job.shard)")
        if let enqueuedAt = job.enqueuedAt {
            page.add("  enqueued \(enqueuedAt.shown), \(enqueuedAt.relative(to: now))")
        }
        if job.priority != .normal { page.add("  priority \("\(job.priority)")") }
        if let deadline = job.deadline { page.add("  may begin until \(deadline.shown)") }
        if job.maxAttempts > 0 {
            let crashes = job.crashes > 0 ? ", \(job.crashes.counted("crash", "crashes"))" : ""
            page.add("  failed \(job.attempt) of \(job.maxAttempts) times\(crashes)")
        }
        page.add("  \("next", .bold): \(nextRun(job, isPaused: isPaused, now: now))")
        if let trace = job.traceContext { page.add("  trace \(trace)") }
        if !job.failures.isEmpty {
            page.heading("\("What went wrong", .bold) (the last \(job.failures.count))")
            var table = Table(
                columns: [
                    .init(heading: ""), .init(heading: ""), .init(heading: ""), .init(heading: "", isElastic: true),
                ],
                indent: 2, hasHeadings: false)
            for failure in job.failures {
                let what =
                    switch failure.kind {
                    case .failed: "failed"
                    case .crashed: "crashed"
                    case .buried: "failed for good"
                    }
                table.rows.append([
                    "\(failure.at.shown)", "run \(failure.attempt)", "\(what, .bad)",
                    "\(failure.kind == .crashed ? "on worker " + failure.message : failure.message)",
                ])
            }
            page.add(table)
        }
        if !job.payload.isEmpty {
            page.heading("\("Payload", .bold) (\(job.payload.count.counted("byte")))")
            page.add(JobPayload(job.payload).lines(max: 60).map { "  \($0)" })
        }
    }

    /// When it runs next and why, or why it does not.
    private static func nextRun(_ job: StoredJob, isPaused: Bool, now: EpochMilliseconds) -> String {
        let paused = isPaused ? "; but queue \(job.queue.rawValue) is paused" : ""
        switch job.state {
        case .ready, .live:
            let alone = job.failures.last?.kind == .crashed ? ", by itself, since a worker ended while it ran" : ""
            return "as soon as a worker is free\(alone)\(paused)"
        case .leased:
            return "it runs now, on \(job.worker ?? "-") under fence \(job.fence ?? 0)"
        case .scheduled:
            let due = job.dueAt.map { "\($0.relative(to: now)), at \($0.shown)" } ?? "later"
            let why =
                job.failures.last.map { "a pause after run \($0.attempt) failed" }
                ?? "it was enqueued with a delay, or a worker put it off"
            return "\(due): \(why)\(paused)"
        case .dead:
            return "never by itself: `tributary dead retry \(job.id)` gives it another life"
        case .quarantined:
            return
                "never by itself: workers ended \(job.crashes) times while it ran alone; `tributary dead retry \(job.id)`"
        case .completed: return "never: it has completed"
        case .cancelled: return "never: it was deleted"
        case .expired: return "never: its deadline passed before a worker took it"
        }
    }
}
