import Core
import JobQueue
import Postgres

/// Jobs of slots that fired and that no queue was told of, or may not have been: their rows owe them.
extension SlotBook {
    struct Owed {
        let schedule: String
        let slot: EpochMilliseconds
        /// As ``OwedJob/text``.
        let text: String
    }

    private static let owed = PostgresStatement(
        "owed_slots",
        """
        SELECT schedule, slot, owed_job FROM schedule_runs
        WHERE owed_job IS NOT NULL AND (schedule, slot) > ($1, $2)
        ORDER BY schedule, slot LIMIT $3
        """)
    private static let settle = PostgresStatement(
        "settle_slots",
        """
        UPDATE schedule_runs SET owed_job = NULL, enqueued_at = clock_timestamp()
        WHERE schedule = $1 AND slot = ANY($2) AND owed_job IS NOT NULL
        """)

    /// The owed rows after a schedule's slot, in the order of schedules and slots.
    func owed(after schedule: String, _ slot: EpochMilliseconds, limit: Int) async throws -> [Owed] {
        try await pool.query(Self.owed, [.text(schedule), .timestamp(slot), .int8(Int64(limit))]).map { row in
            Owed(schedule: try row.text(0), slot: try row.timestamp(1), text: try row.text(2))
        }
    }

    /// The rows owe nothing any more.
    func settle(_ slots: [EpochMilliseconds], of schedule: String) async throws {
        _ = try await pool.query(Self.settle, [.text(schedule), .timestamps(slots)])
    }
}
