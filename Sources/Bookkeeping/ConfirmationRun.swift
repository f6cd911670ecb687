package import Core
import Crypto
package import EventLoop
package import Postgres

/// A run of the confirmation batch for a business date: its row in `batch_runs` keeps its `now`, so that a run that was
/// interrupted goes on with the instant it began with.
@Loop
package struct ConfirmationRun {
    /// As `schedules/commission-confirmation.json` calls it.
    nonisolated package static let batch = "commission-confirmation"

    /// What a run did, or has done so far.
    package struct Report: Sendable {
        /// As `batch_runs.state` says it. A dead run's job ended without success; a redrive makes it owed again.
        package enum State: String, Sendable { case owed, finished, dead }

        package let runID: UUID
        package let businessDate: CivilDate
        package let now: EpochMilliseconds
        /// The database's clock when the run began.
        package let clockAt: EpochMilliseconds
        package let state: State
        package let selected: Int64
        package let confirmed: Int64
        package let skipped: JSON
        /// Minor units by currency.
        package let sums: JSON
        package let finishedAt: EpochMilliseconds?
        /// Why it is dead.
        package let endReason: String?

        package var isFinished: Bool { state == .finished }
    }

    /// The run is refused; the description says why and what to do.
    package struct Refused: Error, CustomStringConvertible {
        package let description: String
    }

    private static let insert = PostgresStatement(
        "insert_run",
        """
        INSERT INTO batch_runs (id, batch, business_date, now) VALUES ($1, $2, $3, coalesce($4, clock_timestamp()))
        ON CONFLICT (batch, business_date) DO NOTHING
        """)
    private static let read = PostgresStatement(
        "read_run",
        """
        SELECT id, business_date, now, clock_at, state, selected, confirmed, skipped, sums, finished_at, end_reason
        FROM batch_runs WHERE id = $1
        """)
    private static let clock = PostgresStatement("read_clock", "SELECT clock_timestamp()")

    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    nonisolated package static func id(of date: CivilDate) -> UUID { .derived("batch", batch, date.description) }

    /// Writes the owed row of a run, once for each business date, and answers the run's id.
    ///
    /// - Parameters:
    ///   - now: the instant that holds are compared with; `nil` is the database's clock.
    ///   - allowsFuture: whether `now` may be later than the database's clock. For demonstrations only.
    package func request(date: CivilDate, now: EpochMilliseconds?, allowsFuture: Bool) async throws -> UUID {
        if let now, !allowsFuture {
            let clock = try await pool.query(Self.clock)[0].timestamp(0)
            guard now <= clock else {
                throw Refused(
                    description: "--now \(now.rfc3339) is later than the database's clock \(clock.rfc3339): only a "
                        + "demonstration (TRIBUTARY_DEMO=1) may confirm what is still held")
            }
        }
        let id = Self.id(of: date)
        _ = try await pool.query(
            Self.insert, [.uuid(id), .text(Self.batch), .date(date), .optional(now) { .timestamp($0) }])
        return id
    }

    /// Writes the owed row of a run within the caller's transaction, with the database's clock as its `now`, and answers the
    /// run's id. A run of that date that is there already stays as it is.
    package static func request(date: CivilDate, in transaction: PostgresTransaction) async throws -> UUID {
        let id = id(of: date)
        _ = try await transaction.execute(insert, [.uuid(id), .text(batch), .date(date), .null])
        return id
    }

    /// What the row says; `nil` when there is no such run.
    package func report(_ id: UUID) async throws -> Report? {
        try await pool.query(Self.read, [.uuid(id)]).first.map(Self.decode)
    }

    /// The same within a transaction.
    static func report(_ id: UUID, in transaction: PostgresTransaction) async throws -> Report? {
        try await transaction.execute(read, [.uuid(id)]).first.map(decode)
    }

    private static func decode(_ row: PostgresRow) throws -> Report {
        guard let state = Report.State(rawValue: try row.text(4)) else {
            throw Refused(description: "the run's state is not known to this program: upgrade it")
        }
        return Report(
            runID: try row.uuid(0), businessDate: try row.date(1), now: try row.timestamp(2),
            clockAt: try row.timestamp(3), state: state, selected: try row.int(5), confirmed: try row.int(6),
            skipped: try row.json(7), sums: try row.json(8), finishedAt: try row.optionalTimestamp(9),
            endReason: try row.optionalText(10))
    }
}
