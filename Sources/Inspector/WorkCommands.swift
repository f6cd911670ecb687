import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue
import Ledger
import Postgres
import Scheduling

/// `rebuild` and `schedule run`: what is owed comes back into the queues, and batches are run by hand, cron or Kubernetes.
enum WorkCommands {
    static let all = [rebuild, scheduleRun]

    static let rebuild = Command(
        "rebuild", .fleet, "Enqueues all that PostgreSQL says is owed and no queue holds; safe at any time.",
        options: [
            .flag("ended", "also what ended dead and whose dead letter no queue holds; not what an operator deleted")
        ],
        examples: ["rebuild", "rebuild --ended"],
        details:
            "For after a loss of Redis' data. The fleet's sweep does the same by itself, for what is owed for 30 s."
    ) { session, arguments in
        let (pool, queue) = (try await session.postgres(), try await session.queue())
        let revived = arguments.has("ended") ? try await LostEnds(pool: pool, queue: queue).owe() : [:]
        let revivedTotal = revived.values.reduce(0, +)
        let work = OwedWork(pool: pool, queue: queue)
        let report = try await work.enqueueDue(olderThan: .zero)
        var listing = Listing(
            "steps",
            [
                .init("what", "what"), .init("owed", "owed", isRight: true),
                .init("enqueued", "enqueued", isRight: true), .init("dead", "dead", isRight: true),
            ], whenEmpty: "Nothing is owed.")
        listing.rows = report.found.keys.sorted().map { kind in
            [
                .init(kind), .init(Int64(report.found[kind] ?? 0)), .init(Int64(report.added[kind] ?? 0)),
                .init(Int64(report.stuck[kind] ?? 0)),
            ]
        }
        var page = listing.answer.page
        if revivedTotal > 0 {
            page.add(["", "\(revivedTotal.counted("step")) had ended, and no queue held the dead letters: owed again."])
        }
        let ended = report.stuck.values.reduce(0, +)
        if ended > 0 {
            page.add(["", "\(ended.counted("step")) stand as dead letters: see `tributary dead list`."])
        }
        return Answer(
            [
                "steps": listing.json, "enqueued": JSON(integer: report.addedTotal),
                "revived": JSON(integer: revivedTotal),
            ],
            page)
    }

    static let scheduleRun = Command(
        "schedule run", .fleet, "Runs a schedule's batch for a business date, once, and waits for its report.",
        words: [CommandWord("schedule", "which one", choices: [ConfirmationRun.batch])],
        options: [
            .value("date", "YYYY-MM-DD", "the business date; today in Seoul by default"),
            .value("now", "INSTANT", "what holds are compared with; later than now in demonstrations only"),
            .value("wait", "SECONDS", "for the report, 1 to 3,600; 120 by default"),
            .flag("dry-run", "only count what would be confirmed"),
        ],
        examples: [
            "schedule run commission-confirmation", "schedule run commission-confirmation --dry-run",
            "schedule run commission-confirmation --date 2026-11-28 --now 2026-11-28T02:00:00+09:00",
        ],
        details:
            "For cron, systemd timers or Kubernetes, and for repeating a run: a date is run once, its report is shown again."
    ) { session, arguments in
        var now: EpochMilliseconds?
        if let text = arguments.optional("now") {
            guard let instant = EpochMilliseconds(rfc3339: text) else {
                throw Arguments.Usage("--now needs an instant with its offset, such as 2026-11-28T02:00:00+09:00")
            }
            now = instant
        }
        let wait = try arguments.integer("wait", or: 120, in: 1...3600)
        let pool = try await session.postgres()
        if arguments.has("dry-run") { return try await dryRun(session, at: now ?? Loop.wallClock) }
        let date = try date(arguments, now ?? Loop.wallClock)
        let run = ConfirmationRun(pool: pool)
        var enqueueFailure: String?
        let id = try await run.request(date: date, now: now, allowsFuture: try session.configuration().isDemo)
        do {
            _ = try await session.queue().enqueue(.batch(id))
        } catch {
            // The run's row is owed and the sweep enqueues it; who waits in vain learns what stood in the way.
            enqueueFailure = "\(error)"
        }
        return try await report(run, id, .seconds(wait), enqueueFailure)
    }

    private static func date(_ arguments: Arguments, _ now: EpochMilliseconds) throws -> CivilDate {
        guard let text = arguments.optional("date") else {
            // The day that it is in the schedule's own zone.
            guard let schedule = try Schedule.embedded().first(where: { $0.batch == ConfirmationRun.batch }) else {
                throw Refusal("no schedule runs \(ConfirmationRun.batch): name its date by --date")
            }
            return schedule.localDate(of: now)
        }
        guard let date = CivilDate(text) else { throw Arguments.Usage("--date needs YYYY-MM-DD") }
        return date
    }

    @Loop private static func dryRun(_ session: Session, at now: EpochMilliseconds) async throws -> Answer {
        let due = try await session.book().due(at: now)
        var page = Page(["Nothing is confirmed: this is what a run as of \(now.shown) would take."])
        var table = Table(columns: [.init(heading: "commissions", isRight: true), .init(heading: "sum", isRight: true)])
        for row in due { table.rows.append(["\(Int(row.count).grouped)", "\(sum(row.sum, row.currency))"]) }
        if due.isEmpty { page.add("No commission is past its hold.") } else { page.add(table) }
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
            ], page)
    }

    private static func sum(_ minorUnits: Int64, _ code: String) -> String {
        Currency.named(code).map { Money(minorUnits: minorUnits, currency: $0).shown } ?? "\(minorUnits) \(code)"
    }

    /// Waits for the batch worker.
    @Loop private static func report(
        _ run: ConfirmationRun, _ id: UUID, _ wait: Duration, _ enqueueFailure: String?
    ) async throws -> Answer {
        let deadline = Loop.monotonicMilliseconds + wait.milliseconds
        repeat {
            let report = try await run.report(id)
            if let report, report.isFinished { return answer(report) }
            if let report, report.state == .dead {
                throw Refusal(
                    "the run ended dead (\(report.endReason ?? "")): `tributary dead retry batch-\(id)` begins it again"
                )
            }
            try await Loop.sleep(for: .milliseconds(100))
        } while Loop.monotonicMilliseconds < deadline
        throw Refusal(
            "the run is owed and not finished: is a batch worker running? See `tributary workers` and `tributary queues`"
                + (enqueueFailure.map { " (its job could not be enqueued: \($0))" } ?? ""))
    }

    private static func answer(_ report: ConfirmationRun.Report) -> Answer {
        var page = Page([
            "Run of \(report.businessDate.description, .bold) as of \(report.now.shown) (the database's clock said \(report.clockAt.shown))",
            "  \(Int(report.selected).counted("order")) selected, \(Int(report.confirmed).counted("commission")) confirmed",
        ])
        for member in report.sums.object?.members ?? [] {
            page.add("  \(sum(member.value.integer ?? 0, member.key))")
        }
        for member in report.skipped.object?.members ?? [] {
            page.add("  \("skipped", .notice): \(member.value.plain) because of \(member.key)")
        }
        return Answer(
            [
                "runId": .string(report.runID.description), "businessDate": .string(report.businessDate.description),
                "now": .string(report.now.rfc3339), "clockAt": .string(report.clockAt.rfc3339),
                "selected": JSON(integer: report.selected), "confirmed": JSON(integer: report.confirmed),
                "skipped": report.skipped, "sums": report.sums,
            ], page)
    }
}
