import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue
import Ledger
import Postgres

/// `rebuild` and `schedule run`: what is owed comes back into the queues, and batches are run by hand, cron or Kubernetes.
enum WorkCommands {
    static let all = [rebuild, scheduleRun]

    static let rebuild = Command(
        "rebuild", "Enqueues everything that PostgreSQL says is owed and no queue holds; safe at any time."
    ) { session, _ in
        let work = OwedWork(pool: try await session.postgres(), queue: try await session.queue())
        let report = try await work.enqueueDue(olderThan: .zero)
        let kinds = report.found.keys.sorted()
        let rows = kinds.map { kind in
            [kind, "\(report.found[kind] ?? 0)", "\(report.added[kind] ?? 0)", "\(report.stuck[kind] ?? 0)"]
        }
        let json = rows.map { row -> JSON in
            ["what": .string(row[0]), "owed": .string(row[1]), "enqueued": .string(row[2]), "dead": .string(row[3])]
        }
        return Answer(
            ["steps": .array(json), "enqueued": JSON(integer: report.addedTotal)],
            rows.isEmpty ? ["Nothing is owed."] : table(rows, ["what", "owed", "enqueued", "dead"]).lines)
    }

    static let scheduleRun = Command(
        "schedule run", "Runs a schedule's batch for a business date, once, and waits for its report.",
        usage: "commission-confirmation [--date YYYY-MM-DD] [--now INSTANT] [--dry-run]",
        examples: [
            "schedule run commission-confirmation", "schedule run commission-confirmation --dry-run",
            "schedule run commission-confirmation --date 2026-11-28 --now 2026-11-28T02:00:00+09:00",
        ], options: ["date", "now", "wait"], flags: ["dry-run"]
    ) { session, arguments in
        guard try arguments.word(0, "schedule") == ConfirmationRun.batch else {
            throw Refusal("there is no schedule of that name: \(ConfirmationRun.batch)")
        }
        var now: EpochMilliseconds?
        if let text = arguments.optional("now") {
            guard let instant = EpochMilliseconds(rfc3339: text) else {
                throw Arguments.Usage(
                    description: "--now needs an instant with its offset, such as 2026-11-28T02:00:00+09:00")
            }
            now = instant
        }
        let pool = try await session.postgres()
        if arguments.has("dry-run") { return try await dryRun(session, at: now ?? Loop.wallClock) }
        let date = try date(arguments, now ?? Loop.wallClock)
        let run = ConfirmationRun(pool: pool)
        var enqueueFailure: String?
        let id = try await run.request(date: date, now: now, allowsFuture: session.configuration.isDemo)
        do {
            _ = try await session.queue().enqueue(.batch(id))
        } catch {
            // The run's row is owed and the sweep enqueues it; who waits in vain learns what stood in the way.
            enqueueFailure = "\(error)"
        }
        return try await report(run, id, enqueueFailure)
    }

    private static func date(_ arguments: Arguments, _ now: EpochMilliseconds) throws -> CivilDate {
        guard let text = arguments.optional("date") else { return CivilDate(utc: now + .seconds(9 * 3600)) }
        guard let date = CivilDate(text) else { throw Arguments.Usage(description: "--date needs YYYY-MM-DD") }
        return date
    }

    @Loop private static func dryRun(_ session: Session, at now: EpochMilliseconds) async throws -> Answer {
        let due = try await session.book().due(at: now)
        let rows = due.map { [$0.currency, "\($0.count)", "\($0.sum)"] }
        return Answer(
            [
                "dryRun": true, "now": .string(now.rfc3339),
                "due": .array(
                    due.map {
                        [
                            "currency": .string($0.currency), "count": JSON(integer: $0.count),
                            "sumMinor": JSON(integer: $0.sum),
                        ]
                    }),
            ], ["Would confirm at \(now.rfc3339):"] + table(rows, ["currency", "commissions", "minor units"]).lines)
    }

    /// Waits for the batch worker, up to two minutes.
    @Loop private static func report(_ run: ConfirmationRun, _ id: UUID, _ enqueueFailure: String?) async throws
        -> Answer
    {
        for _ in 0..<1200 {
            if let report = try await run.report(id), report.isFinished {
                return Answer(
                    [
                        "runId": .string(id.description), "businessDate": .string(report.businessDate.description),
                        "now": .string(report.now.rfc3339), "clockAt": .string(report.clockAt.rfc3339),
                        "selected": JSON(integer: report.selected), "confirmed": JSON(integer: report.confirmed),
                        "skipped": report.skipped, "sums": report.sums,
                    ],
                    [
                        "Run of \(report.businessDate) as of \(report.now.rfc3339) (database clock \(report.clockAt.rfc3339))",
                        "  selected \(report.selected), confirmed \(report.confirmed)", "  sums \(report.sums.plain)",
                        "  skipped \(report.skipped.plain)",
                    ])
            }
            try await Loop.sleep(for: .milliseconds(100))
        }
        throw Refusal(
            "the run is owed and not finished: is a batch worker running? See `tributary queues`"
                + (enqueueFailure.map { " (its job could not be enqueued: \($0))" } ?? ""))
    }
}
