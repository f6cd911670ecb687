import Bookkeeping
package import Core
package import EventLoop
package import JobQueue
package import Postgres

/// Which slots have fired: the rows of `schedule_runs`.
///
/// A schedule's first row is the instant at which it was first seen; what was before is not owed. Every later one is a slot.
@Loop
package struct SlotBook {
    /// Where a schedule stands, by PostgreSQL's clock.
    package struct Standing: Sendable {
        package let last: EpochMilliseconds
        package let clock: EpochMilliseconds
        /// `nil` for one that fires.
        package let pausedSince: EpochMilliseconds?

        init(_ row: PostgresRow) throws {
            last = try row.timestamp(0)
            clock = try row.timestamp(1)
            pausedSince = try row.optionalTimestamp(2)
        }
    }

    /// What a slot that fired owes now.
    package enum Fired: Sendable, CustomStringConvertible {
        /// A run of the confirmation.
        case run(UUID)
        case job(NewJob)

        package var description: String {
            switch self {
            case .run(let id): "run \(id)"
            case .job(let job): "job \(job.id)"
            }
        }
    }

    // Any constant, as long as all schedulers use the same: with a schedule's name it makes them take turns.
    static let lock = PostgresStatement(
        "lock_schedule", "SELECT pg_advisory_xact_lock(724482305, hashtext($1::text))")
    private static let standing = PostgresStatement(
        "schedule_standing",
        """
        SELECT (SELECT max(slot) FROM schedule_runs WHERE schedule = $1),
            coalesce($2, date_trunc('milliseconds', clock_timestamp())),
            (SELECT paused_at FROM schedule_pauses WHERE schedule = $1)
        """)
    private static let view = PostgresStatement(
        "schedule_view",
        standing.sql + ", (SELECT count(*) FROM schedule_runs WHERE schedule = $1 AND owed_job IS NOT NULL)")
    private static let begin = PostgresStatement(
        "begin_schedule",
        """
        INSERT INTO schedule_runs (schedule, slot)
        SELECT $1::text, coalesce($2, date_trunc('milliseconds', clock_timestamp()))
        WHERE NOT EXISTS (SELECT 1 FROM schedule_runs WHERE schedule = $1)
        """)
    // The primary key alone forbids a second firing; the conditions keep a scheduler that stood still, or one with a wrong idea
    // of the time, from firing a slot that policy has passed over or that is still to come; and one that looked before a pause
    // from firing during it.
    private static let insert = PostgresStatement(
        "fire_slot",
        """
        INSERT INTO schedule_runs (schedule, slot, job_id, owed_job)
        SELECT $1::text, $2::timestamptz, $4::text, $5::text
        WHERE $2 <= coalesce($3, clock_timestamp())
            AND NOT EXISTS (SELECT 1 FROM schedule_runs WHERE schedule = $1 AND slot >= $2)
            AND NOT EXISTS (SELECT 1 FROM schedule_pauses WHERE schedule = $1)
        ON CONFLICT (schedule, slot) DO NOTHING
        """)
    private static let forget = PostgresStatement(
        "forget_slots",
        """
        DELETE FROM schedule_runs
        WHERE schedule = $1 AND owed_job IS NULL
            AND slot < (SELECT slot FROM schedule_runs WHERE schedule = $1 ORDER BY slot DESC OFFSET $2 LIMIT 1)
        """)

    let pool: PostgresPool
    private let testClock: (@Loop () -> EpochMilliseconds)?

    /// - Parameter testClock: tests only: PostgreSQL's clock, in place of the one it has.
    package init(pool: PostgresPool, testClock: (@Loop () -> EpochMilliseconds)? = nil) {
        self.pool = pool
        self.testClock = testClock
    }

    private var clock: PostgresValue { .optional(testClock?()) { .timestamp($0) } }

    /// The last slot that fired, and the clock. A schedule that was never seen begins now.
    package func standing(of schedule: Schedule) async throws -> Standing {
        if let standing = try await known(schedule) { return standing }
        return try await pool.transaction { transaction in
            transaction.post(Self.lock, [.text(schedule.name)])
            transaction.post(Self.begin, [.text(schedule.name), clock])
            return try Standing(try await transaction.execute(Self.standing, [.text(schedule.name), clock])[0])
        }
    }

    private func known(_ schedule: Schedule) async throws -> Standing? {
        let row = try await pool.query(Self.standing, [.text(schedule.name), clock])[0]
        return try row.optionalTimestamp(0) == nil ? nil : Standing(row)
    }

    /// What there is to say of a schedule, for who looks on: nothing is begun by it.
    package struct View: Sendable {
        /// `nil` for one that no scheduler has seen.
        package let last: EpochMilliseconds?
        package let clock: EpochMilliseconds
        package let pausedSince: EpochMilliseconds?
        /// Slots that fired and whose jobs are not enqueued yet.
        package let owed: Int64
    }

    package func view(of schedule: Schedule) async throws -> View {
        let row = try await pool.query(Self.view, [.text(schedule.name), clock])[0]
        return View(
            last: try row.optionalTimestamp(0), clock: try row.timestamp(1), pausedSince: try row.optionalTimestamp(2),
            owed: try row.int(3))
    }

    /// Fires a slot, unless it has fired, is not due or its schedule is paused: its row and what it owes, the row of the run or
    /// its job, are one transaction.
    ///
    /// - Returns: what is owed when this call fired it.
    package func fire(_ slot: Slot, of schedule: Schedule) async throws -> Fired? {
        var job: NewJob?
        if case .job(let template) = schedule.work { job = template.job(for: slot, of: schedule.name) }
        let parameters: [PostgresValue] = [
            .text(schedule.name), .timestamp(slot.instant), clock, .optional(job) { .text($0.id) },
            .optional(job) { .text(OwedJob($0).text) },
        ]
        return try await pool.transaction { transaction in
            transaction.post(Self.lock, [.text(schedule.name)])
            let inserted = try await transaction.execute(Self.insert, parameters)
            guard inserted.affectedRows == 1 else { return nil }
            if let job { return .job(job) }
            return .run(try await ConfirmationRun.request(date: slot.date, in: transaction))
        }
    }

    /// Deletes all but the newest rows of a schedule. They cannot fire again: later ones are there.
    ///
    /// - Parameter kept: how many stay, beside those whose jobs are owed.
    func forget(_ schedule: Schedule, beyond kept: Int) async throws {
        _ = try await pool.query(Self.forget, [.text(schedule.name), .int8(Int64(kept))])
    }
}
