import Core
import EventLoop
import JobQueue
import Postgres

/// What must be true of PostgreSQL before work begins.
@Loop
enum PostgresStartChecks {
    private static let settings = PostgresStatement(
        "fleet_durability_settings",
        """
        SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')
        """)
    private static let clock = PostgresStatement("fleet_clock", "SELECT clock_timestamp()")

    /// Settings under which a committed transaction can be lost. One round trip.
    static func durability(_ postgres: PostgresPool) async throws(PostgresError) -> [StartFinding] {
        let row = try await postgres.query(settings)[0]
        return findings(fsync: try row.text(0), synchronousCommit: try row.text(1), fullPageWrites: try row.text(2))
    }

    /// What these values of the settings mean.
    nonisolated static func findings(fsync: String, synchronousCommit: String, fullPageWrites: String) -> [StartFinding]
    {
        [("fsync", fsync), ("synchronous_commit", synchronousCommit), ("full_page_writes", fullPageWrites)]
            .filter { $0.1 == "off" }
            .map { name, _ in
                StartFinding(

                    .refusal,
                    "PostgreSQL's \(name) is off, so a crash loses what was committed; set it to on")
            }
    }

    static func readClock(_ postgres: PostgresPool) async throws(PostgresError) -> ClockCheck.Reading {
        let before = Loop.wallClock
        let row = try await postgres.query(clock)[0]
        return ClockCheck.Reading(
            name: "PostgreSQL", time: try row.timestamp(0), askedAt: before, answeredAt: Loop.wallClock)
    }
}
