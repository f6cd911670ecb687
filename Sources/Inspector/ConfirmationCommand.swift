import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue
import Ledger
import Scheduling

/// The run of the confirmation that `schedule run` asks for: its row, its job, and the wait for its report.
enum ConfirmationCommand {
    @Loop static func run(_ session: Session, _ arguments: Arguments, of schedule: Schedule) async throws -> Answer {
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
        let date = try date(arguments, now ?? Loop.wallClock, schedule)
        let run = ConfirmationRun(pool: pool)
        var enqueueFailure: String?
        let id = try await run.request(date: date, now: now, allowsFuture: try session.configuration().isDemo)
        do {
            _ = try await session.queue().enqueueFollowUps([.batch(id)])
        } catch {
            // The run's row is owed and the sweep enqueues it; who waits in vain learns what stood in the way.
            enqueueFailure = "\(error)"
        }
        return try await report(run, id, .seconds(wait), enqueueFailure)
    }

    private static func date(
        _ arguments: Arguments, _ now: EpochMilliseconds, _ schedule: Schedule
    ) throws -> CivilDate {
        // The day that it is in the schedule's own zone.
        guard let text = arguments.optional("date") else { return schedule.localDate(of: now) }
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
            try await Loop.sleep(for: .milliseconds(100))  // a row tells nobody that it was finished
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
