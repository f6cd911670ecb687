import Bookkeeping
import Core
import EventLoop
import Fleet
import Glibc
import JobQueue

/// `dead …`: jobs that failed for good, or whose workers ended.
enum DeadLetterCommands {
    static let all = [list, retry, delete, export]

    private static let filters = [
        QueueCommands.queueOption,
        .value("state", "STATE", "dead or quarantined only", choices: ["dead", "quarantined"]), JobSearch.kind,
        JobSearch.error, JobSearch.idPrefix, JobSearch.since, JobSearch.until,
    ]
    private static let ids = CommandWord(
        "job id", "one or more; without any, the options say which", isOptional: true, isRepeated: true)
    private static let everything = CommandOption.flag("all", "all of them, where no other option says which")
    private static let dryRun = CommandOption.flag("dry-run", "only count them")
    private static let times = "Times are those of death. --since 2h: died in the last two hours; --until 2h: before."

    static let list = Command(
        "dead list", .queues, "Lists dead letters with their last failure, the oldest of each shard first.",
        options: filters + [
            .value("limit", "NUMBER", "how many to show, 1 to 1,000; 50 by default"),
            .value("scan", "NUMBER", "how many to look at, 1 to 1,000,000; 20,000 by default"), JobSearch.cursor,
        ], examples: ["dead list", "dead list --queue webhooks --error \"timed out\" --since 2h"], details: times
    ) { session, arguments in
        let now = Loop.wallClock
        let filter = try filter(arguments, now: now)
        let search = try await JobCommands.search(
            try await session.queue(), filter, from: try JobSearch.cursor(arguments),
            limit: try arguments.integer("limit", or: 50, in: 1...1000),
            scan: try arguments.integer("scan", or: 20_000, in: 1...1_000_000))
        if search.jobs.isEmpty, search.next == nil {
            return Answer(
                ["jobs": [], "seen": JSON(integer: search.seen), "cursor": .null],
                [
                    search.seen == 0
                        ? "There are no dead letters." : "None of \(search.seen.counted("dead letter")) matches."
                ])
        }
        return JobCommands.answer(search, arguments, command: "dead list", now: now)
    }

    static let retry = Command(
        "dead retry", .queues, "Gives dead letters another life: attempts start again, the history stays.",
        words: [ids],
        options: filters + [
            everything, dryRun, .value("rate", "NUMBER", "jobs a second, 1 to 10,000; 100 by default"),
        ],
        examples: [
            "dead retry delivery-0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061-3",
            "dead retry --queue webhooks --error \"timed out\" --dry-run", "dead retry --queue webhooks --rate 500",
        ],
        details: """
            The rows that owe them are set to owed first. Ctrl-C stops after the slice in hand: what is left stays dead. \
            \(times)
            """
    ) { session, arguments in
        let rows = OwedRows(pool: try await session.postgres())
        let queue = try await session.queue()
        let rate = try arguments.integer("rate", or: 100, in: 1...10_000)
        return try await work(session, arguments, Work(done: "retried", rate: rate)) { jobs in
            try await rows.owe(jobs)
            return try await queue.redrive(jobs)
        }
    }

    static let delete = Command(
        "dead delete", .queues, "Deletes dead letters; `dead export` keeps a copy.", words: [ids],
        options: filters + [
            everything, dryRun, .value("rate", "NUMBER", "jobs a second, 1 to 100,000; 10,000 by default"),
            .value("actor", "WHO", "who does it, for the rows that owed them; `operator` unless named"),
        ],
        examples: [
            "dead delete --queue notifications --until 7d --dry-run", "dead delete --queue notifications --until 7d",
        ],
        details: """
            The rows that owe them end first, with who and why. Events and clicks that no worker has stored are lost. \
            \(times)
            """
    ) { session, arguments in
        let rows = OwedRows(pool: try await session.postgres())
        let queue = try await session.queue()
        let rate = try arguments.integer("rate", or: 10_000, in: 1...100_000)
        return try await work(session, arguments, Work(done: "deleted", rate: rate)) { jobs in
            let reason = "deleted by \(arguments.text("actor", or: "operator"))"
            try await rows.record(jobs.map { JobEnd($0, reason: reason) })
            return try await queue.delete(jobs)
        }
    }

    static let export = Command(
        "dead export", .queues, "Writes dead letters with their payloads, one JSON object a line.",
        options: filters, examples: ["dead export --queue conversions > dead.ndjson"], details: times
    ) { session, arguments in
        let walk = DeadLetterWalk(
            try await session.queue(), try filter(arguments, now: Loop.wallClock), payloads: true)
        while let jobs = try await walk.next() {
            var bytes: [UInt8] = []
            for job in jobs {
                JobSearch.jsonWithPayload(job).write(to: &bytes)
                bytes.append(UInt8(ascii: "\n"))
            }
            if !bytes.isEmpty { try await session.console.write(bytes) }
        }
        return .written
    }

    private static func filter(_ arguments: Arguments, now: EpochMilliseconds) throws -> JobFilter {
        var filter = try JobSearch.filter(arguments, now: now)
        filter.places = [.dead]
        return filter
    }

    // MARK: Retrying and deleting

    private struct Work {
        /// Such as `retried`.
        let done: String
        let rate: Int
        var wanted = 0
        var count = 0
        var isStopped = false
    }

    /// - Parameter act: does it to some, and answers how many were dead still.
    @Loop private static func work(
        _ session: Session, _ arguments: Arguments, _ work: Work, _ act: @Loop ([StoredJob]) async throws -> Int
    ) async throws -> Answer {
        var work = work
        let isDry = arguments.has("dry-run")
        let queue = try await session.queue()
        if !arguments.positional.isEmpty {
            let jobs = try await named(arguments.positional, queue)
            work.wanted = jobs.count
            if !isDry { work.count = try await act(jobs) }
            return answer(work, isDry: isDry)
        }
        guard arguments.has("all") || filters.contains(where: { arguments.optional($0.name) != nil }) else {
            throw Arguments.Usage("name jobs, or say which by options, or --all")
        }
        var filter = try filter(arguments, now: Loop.wallClock)
        try await count(queue, filter, &work)
        if isDry || work.wanted == 0 { return answer(work, isDry: isDry) }
        try await workThrough(session, queue, &filter, &work, act)
        return answer(work, isDry: false)
    }

    /// Looks at all, so that a person knows what is to come.
    @Loop private static func count(_ queue: JobQueue, _ filter: JobFilter, _ work: inout Work) async throws {
        let walk = DeadLetterWalk(queue, filter)
        while let jobs = try await walk.next() { work.wanted += jobs.count }
    }

    @Loop private static func workThrough(
        _ session: Session, _ queue: JobQueue, _ filter: inout JobFilter, _ work: inout Work,
        _ act: @Loop ([StoredJob]) async throws -> Int
    ) async throws {
        let interrupt = Interrupt()
        // With the payloads: they name the rows.
        let walk = DeadLetterWalk(queue, filter, payloads: true)
        var pace = Pace(rate: work.rate)
        var moved = 0
        while !interrupt.came, let jobs = try await walk.next(movedAway: moved) {
            moved = 0
            for start in stride(from: 0, to: jobs.count, by: pace.slice) where !interrupt.came {
                let slice = Array(jobs[start..<min(start + pace.slice, jobs.count)])
                try await pace.wait(for: slice.count)
                moved += try await act(slice)
                try await session.console.progress(progress(work, at: work.count + moved))
            }
            work.count += moved
        }
        work.isStopped = interrupt.came
        try await session.console.progress("")
    }

    private static func progress(_ work: Work, at count: Int) -> StyledLine {
        let left = Duration.seconds(max(0, work.wanted - count) / work.rate)
        let percent = min(100, count * 100 / max(1, work.wanted))
        return
            "\(count.grouped) of \(work.wanted.grouped) \(work.done)  \(percent) %  \(work.rate.grouped)/s  \(left.words) left"
    }

    @Loop private static func named(_ ids: [String], _ queue: JobQueue) async throws -> [StoredJob] {
        var jobs: [StoredJob] = []
        for id in ids {
            var found: StoredJob?
            for name in QueueName.allCases where found == nil { found = try await queue.find(id, in: name) }
            guard let found else { throw Refusal("no queue holds a job \(id): see `tributary dead list`") }
            guard found.state == .dead || found.state == .quarantined else {
                throw Refusal("job \(id) is \(found.state.rawValue), not dead: see `tributary job \(id)`")
            }
            jobs.append(found)
        }
        return jobs
    }

    private static func answer(_ work: Work, isDry: Bool) -> Answer {
        var lines: [StyledLine] = []
        if isDry {
            lines.append("\(work.wanted.counted("dead letter")) would be \(work.done).")
        } else {
            let rest = work.isStopped ? "; stopped, the others stay dead" : ""
            lines.append("\(work.count.counted("dead letter")) of \(work.wanted.grouped) \(work.done)\(rest).")
        }
        return Answer(
            [
                "matched": JSON(integer: work.wanted), "count": JSON(integer: isDry ? work.wanted : work.count),
                "dryRun": .bool(isDry), "stopped": .bool(work.isStopped),
            ], lines, isGood: !work.isStopped)
    }
}

/// Whether Ctrl-C was pressed since this was made: work in slices ends after the slice in hand.
@Loop
private final class Interrupt {
    private(set) var came = false
    private var watch: SignalWatch?

    init() { watch = SignalWatch(signal: SIGINT) { [weak self] in self?.came = true } }
}
