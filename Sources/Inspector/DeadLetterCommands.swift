import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue

/// `dead …`: jobs that failed for good, or whose workers ended; and what `quarantine …` shares with it.
enum DeadLetterCommands {
    static let all = [list, retry, delete, export]

    private static let ids = CommandWord(
        "job id", "one or more; without any, the options say which", isOptional: true, isRepeated: true)
    private static let everything = CommandOption.flag("all", "all of them, where no other option says which")
    private static let dryRun = CommandOption.flag("dry-run", "only count them")
    private static let times = "Times are those of death. --since 2h: died in the last two hours; --until 2h: before."

    private static let list = list(
        .dead, "Lists dead letters with their last failure, the oldest of each shard first.",
        examples: ["dead list", "dead list --queue webhooks --error \"timed out\" --since 2h"])

    private static let retry = redrive(
        .dead, "retry", done: "retried", "Gives dead letters another life: attempts start again, the history stays.",
        examples: [
            "dead retry delivery-0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061-3",
            "dead retry --queue webhooks --error \"timed out\" --dry-run", "dead retry --queue webhooks --rate 500",
        ])

    private static let delete = delete(
        .dead, "Deletes dead letters; `dead export` keeps a copy.",
        examples: [
            "dead delete --queue notifications --until 7d --dry-run", "dead delete --queue notifications --until 7d",
        ])

    private static let export = Command(
        "dead export", .queues, "Writes dead letters with their payloads, one JSON object a line.",
        options: DeadLetterSubject.dead.filters, examples: ["dead export --queue conversions > dead.ndjson"],
        details: times
    ) { session, arguments in
        let walk = DeadLetterWalk(
            try await session.queue(), try DeadLetterSubject.dead.filter(arguments, now: Loop.wallClock),
            payloads: true)
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

    // MARK: For both families

    static func list(_ subject: DeadLetterSubject, _ summary: String, examples: [String]) -> Command {
        Command(
            "\(subject.word) list", .queues, summary,
            options: subject.filters + [
                .value("limit", "NUMBER", "how many to show, 1 to 1,000; 50 by default"),
                .value("scan", "NUMBER", "how many to look at, 1 to 1,000,000; 20,000 by default"), JobSearch.cursor,
            ], examples: examples, details: times
        ) { session, arguments in
            let now = Loop.wallClock
            let filter = try subject.filter(arguments, now: now)
            let search = try await JobCommands.search(
                try await session.queue(), filter, from: try JobSearch.cursor(arguments),
                limit: try arguments.integer("limit", or: 50, in: 1...1000),
                scan: try arguments.integer("scan", or: 20_000, in: 1...1_000_000))
            if search.jobs.isEmpty, search.next == nil {
                let none = search.seen == 0 || subject.state != nil
                return Answer(
                    ["jobs": [], "seen": JSON(integer: search.seen), "cursor": .null],
                    [none ? "There are no \(subject.many)." : "None of \(search.seen.counted("dead letter")) matches."])
            }
            return JobCommands.answer(search, now: now)
        }
    }

    /// - Parameter verb: the second word of the command.
    static func redrive(
        _ subject: DeadLetterSubject, _ verb: String, done: String, _ summary: String, examples: [String]
    ) -> Command {
        Command(
            "\(subject.word) \(verb)", .queues, summary, words: [ids],
            options: subject.filters + [
                everything, dryRun, .value("rate", "NUMBER", "jobs a second, 1 to 10,000; 100 by default"),
            ], examples: examples,
            details: """
                The rows that owe them are set to owed first. Ctrl-C stops after the slice in hand: what is left stays \
                dead. \(times)
                """
        ) { session, arguments in
            let rows = OwedRows(pool: try await session.postgres())
            let queue = try await session.queue()
            var work = DeadLetterWork(
                subject, done: done, rate: try arguments.integer("rate", or: 100, in: 1...10_000))
            return try await work.run(session, arguments) { jobs in
                try await rows.owe(jobs)
                return try await queue.redrive(jobs)
            }
        }
    }

    static func delete(_ subject: DeadLetterSubject, _ summary: String, examples: [String]) -> Command {
        Command(
            "\(subject.word) delete", .queues, summary, words: [ids],
            options: subject.filters + [
                everything, dryRun, .value("rate", "NUMBER", "jobs a second, 1 to 100,000; 10,000 by default"),
                .value("actor", "WHO", "who does it, for the rows that owed them; `operator` unless named"),
            ], examples: examples,
            details: """
                The rows that owe them end first, with who and why. Events and clicks that no worker has stored are lost. \
                \(times)
                """
        ) { session, arguments in
            let rows = OwedRows(pool: try await session.postgres())
            let queue = try await session.queue()
            var work = DeadLetterWork(
                subject, done: "deleted", rate: try arguments.integer("rate", or: 10_000, in: 1...100_000))
            return try await work.run(session, arguments) { jobs in
                let reason = "\(OwedRows.deletionMark)\(arguments.text("actor", or: "operator"))"
                try await rows.record(jobs.map { JobEnd($0, reason: reason) })
                return try await queue.delete(jobs)
            }
        }
    }
}
