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
            .value(
                "state", "STATE", "in this state only; held: behind another job of its order key",
                choices: states.map(\.rawValue) + [JobSearch.held]), JobSearch.kind, JobSearch.error,
            JobSearch.idPrefix,
            .value("batch", "NAME", "of this batch only"),
            .value("shard-key", "KEY", "look only where jobs of this order, endpoint or code lie"), JobSearch.since,
            JobSearch.until, .value("limit", "NUMBER", "jobs to show, 1 to 1,000; 50 by default"),
            .value("scan", "NUMBER", "jobs to look at, 1 to 1,000,000; 20,000 by default"), JobSearch.cursor,
        ],
        examples: [
            "jobs --queue webhooks --state scheduled", "jobs --error \"timed out\" --since 2h",
            "jobs --id-prefix price-0d3f6c1e --json",
        ],
        details: """
            A completed job leaves its queue, unless the queue keeps some (TRIBUTARY_KEEP_COMPLETED): `tributary job <id>` finds \
            what PostgreSQL knows of it. Times are when a job was enqueued, completed, or died. What moves while the search goes on may be missed or shown twice.
            """
    ) { session, arguments in
        let now = Loop.wallClock
        let filter = try JobSearch.filter(arguments, now: now)
        let limit = try arguments.integer("limit", or: 50, in: 1...1000)
        let scan = try arguments.integer("scan", or: 20_000, in: 1...1_000_000)
        let cursor = try JobSearch.cursor(arguments)
        let search = try await search(try await session.queue(), filter, from: cursor, limit: limit, scan: scan)
        return answer(search, now: now)
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

    static func answer(_ search: Search, now: EpochMilliseconds) -> Answer {
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
        "job", .queues, "Shows one job: its payload, failures and progress, when it runs next and why, what it did.",
        words: [CommandWord("job id", "as `tributary jobs` shows it")],
        examples: ["job delivery-0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061-0"],
        details: "A completed job has left its queue; what it did stands in PostgreSQL and is shown from there."
    ) { session, arguments in
        let id = arguments.word(0)
        let queue = try await session.queue()
        let found = try await queue.find(id, inAnyOf: QueueName.allCases)
        var trail: JobTrail?
        if let pool = try await session.postgresIfConfigured() { trail = try await JobTrail.read(pool, jobID: id) }
        guard found != nil || trail != nil else {
            throw Refusal(
                "no queue holds a job \(id), and PostgreSQL knows nothing of it: see `tributary jobs --id-prefix …`")
        }
        var page = Page()
        let story: JobStory? = if let found { try await JobStory.read(found, queue) } else { nil }
        if let story {
            page.add(story.page(now: Loop.wallClock))
        } else {
            page.add("\(id, .bold) is in no queue: it has completed, or was deleted.")
        }
        if let trail { page.add(trail.page) }
        return Answer(
            [
                "job": story?.json ?? .null,
                "record": trail.map { ["what": .string($0.what), "row": $0.row] } ?? .null,
            ], page)
    }
}

extension JobQueue {
    /// The job of that id in the first of these queues that holds one.
    func find(_ id: String, inAnyOf names: [QueueName]) async throws(QueueError) -> StoredJob? {
        for name in names {
            if let found = try await find(id, in: name) { return found }
        }
        return nil
    }
}
