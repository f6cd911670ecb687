import Postgres

/// Pausing is for an operator who must keep a batch from running, and it outlives every process: it is a row.
extension SlotBook {
    private static let pause = PostgresStatement(
        "pause_schedule",
        "INSERT INTO schedule_pauses (schedule, actor) VALUES ($1, $2) ON CONFLICT (schedule) DO NOTHING")
    private static let resume = PostgresStatement("resume_schedule", "DELETE FROM schedule_pauses WHERE schedule = $1")
    // As when a schedule is seen for the first time: from here on its slots are owed.
    private static let beginAnew = PostgresStatement(
        "begin_schedule_anew",
        """
        INSERT INTO schedule_runs (schedule, slot)
        VALUES ($1, date_trunc('milliseconds', clock_timestamp()))
        ON CONFLICT (schedule, slot) DO NOTHING
        """)

    /// When this returns no scheduler fires a slot of `schedule` any more; runs that were fired go on.
    ///
    /// - Parameter actor: who pauses it; not empty.
    /// - Returns: `false` when it was paused already, by whoever did it first.
    package func pause(_ schedule: Schedule, by actor: String) async throws -> Bool {
        // A firing holds the same lock until it has committed.
        try await pool.transaction { transaction in
            transaction.post(Self.lock, [.text(schedule.name)])
            return try await transaction.execute(Self.pause, [.text(schedule.name), .text(actor)]).affectedRows == 1
        }
    }

    /// Slots that were due during the pause stay unfired, whatever the policy for missed ones; those that come are fired.
    ///
    /// - Returns: `false` when it was not paused.
    package func resume(_ schedule: Schedule) async throws -> Bool {
        try await pool.transaction { transaction in
            transaction.post(Self.lock, [.text(schedule.name)])
            guard try await transaction.execute(Self.resume, [.text(schedule.name)]).affectedRows == 1 else {
                return false
            }
            transaction.post(Self.beginAnew, [.text(schedule.name)])
            return true
        }
    }
}
