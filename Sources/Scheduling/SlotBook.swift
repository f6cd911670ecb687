import Bookkeeping
package import Core
package import EventLoop
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

    // Any constant, as long as all schedulers use the same: with a schedule's name it makes them take turns.
    static let lock = PostgresStatement(
        "lock_schedule", "SELECT pg_advisory_xact_lock(724482305, hashtext($1::text))")
    private static let standing = PostgresStatement(
        "schedule_standing",
        """
        SELECT (SELECT max(slot) FROM schedule_runs WHERE schedule = $1),
            date_trunc('milliseconds', clock_timestamp()),
            (SELECT paused_at FROM schedule_pauses WHERE schedule = $1)
        """)
    private static let begin = PostgresStatement(
        "begin_schedule",
        """
        INSERT INTO schedule_runs (schedule, slot)
        SELECT $1::text, date_trunc('milliseconds', clock_timestamp())
        WHERE NOT EXISTS (SELECT 1 FROM schedule_runs WHERE schedule = $1)
        """)
    // The primary key alone forbids a second firing; the conditions keep a scheduler that stood still, or one with a wrong idea
    // of the time, from firing a slot that policy has passed over or that is still to come; and one that looked before a pause
    // from firing during it.
    private static let insert = PostgresStatement(
        "fire_slot",
        """
        INSERT INTO schedule_runs (schedule, slot)
        SELECT $1::text, $2::timestamptz
        WHERE $2 <= clock_timestamp()
            AND NOT EXISTS (SELECT 1 FROM schedule_runs WHERE schedule = $1 AND slot >= $2)
            AND NOT EXISTS (SELECT 1 FROM schedule_pauses WHERE schedule = $1)
        ON CONFLICT (schedule, slot) DO NOTHING
        """)

    let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// The last slot that fired, and the clock. A schedule that was never seen begins now.
    package func standing(of schedule: Schedule) async throws -> Standing {
        if let standing = try await known(schedule) { return standing }
        return try await pool.transaction { transaction in
            transaction.post(Self.lock, [.text(schedule.name)])
            transaction.post(Self.begin, [.text(schedule.name)])
            return try Standing(try await transaction.execute(Self.standing, [.text(schedule.name)])[0])
        }
    }

    private func known(_ schedule: Schedule) async throws -> Standing? {
        let row = try await pool.query(Self.standing, [.text(schedule.name)])[0]
        return try row.optionalTimestamp(0) == nil ? nil : Standing(row)
    }

    /// Fires a slot, unless it has fired, is not due or its schedule is paused: its row and the owed row of the run are one transaction.
    ///
    /// - Returns: the run's id when this call fired it.
    package func fire(_ slot: Slot, of schedule: Schedule) async throws -> UUID? {
        try await pool.transaction { transaction in
            transaction.post(Self.lock, [.text(schedule.name)])
            let inserted = try await transaction.execute(
                Self.insert, [.text(schedule.name), .timestamp(slot.instant)])
            guard inserted.affectedRows == 1 else { return nil }
            return try await ConfirmationRun.request(date: slot.date, in: transaction)
        }
    }
}
