import Core
package import EventLoop
package import Fleet
package import JobQueue
import Notifications
package import Postgres
import Webhooks

/// The rows that owe jobs, told of what becomes of these: of their end before the queue knows of it, and of a redrive before it.
///
/// A quarantine is the reaper's, inside of Redis, so its row is told right after; should the process that got the news die
/// before, ``OwedWork`` finds the row owed and its job quarantined, and tells the row then.
@Loop
package final class OwedRows: DeadLetterRecorder {
    /// What the inspector begins the reason of an end with when an operator deleted the job: nothing brings such a row back but
    /// a new fact.
    nonisolated package static let deletionMark = "deleted by "

    private let pool: PostgresPool
    private let deliveries: WebhookBook
    private let notifications: NotificationEnds

    package init(pool: PostgresPool) {
        self.pool = pool
        deliveries = WebhookBook(pool: pool)
        notifications = NotificationEnds(pool: pool)
    }

    // `$1` ids, `$2` the numbers up to which the ended jobs would have priced, `$3` reasons. A row that is priced by now, or
    // that an earlier end of a later job speaks for, stays. Sorted by the lock's order.
    private static let endPricings = PostgresStatement(
        "end_pricings",
        """
        WITH locked AS MATERIALIZED (SELECT id FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE)
        UPDATE orders o
        SET pricing_ended_seq = n.seq, pricing_ended_at = clock_timestamp(), pricing_end_reason = left(n.reason, 500)
        FROM locked, unnest($1::uuid[], $2::bigint[], $3::text[]) AS n (id, seq, reason)
        WHERE o.id = locked.id AND n.id = o.id AND coalesce(o.pricing_ended_seq, 0) < n.seq
            AND (o.priced_seq < n.seq OR o.touch_due_at IS NOT NULL)
        """)
    private static let endRuns = PostgresStatement(
        "end_runs",
        """
        UPDATE batch_runs r SET state = 'dead', end_reason = left(n.reason, 500)
        FROM unnest($1::uuid[], $2::text[]) AS n (id, reason) WHERE r.id = n.id AND r.state = 'owed'
        """)
    private static let owePricings = PostgresStatement(
        "owe_pricings",
        """
        WITH locked AS MATERIALIZED (SELECT id FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE)
        UPDATE orders o
        SET pricing_ended_seq = NULL, pricing_ended_at = NULL, pricing_end_reason = NULL,
            owed_since = CASE WHEN o.priced_seq < o.facts_seq THEN clock_timestamp() END
        FROM locked WHERE o.id = locked.id AND o.pricing_ended_seq IS NOT NULL
        """)
    // It has a whole life of attempts before it again, as long as a new one.
    private static let oweDeliveries = PostgresStatement(
        "owe_deliveries",
        """
        UPDATE webhook_deliveries SET status = 'owed', ended_at = NULL, end_reason = NULL,
            next_attempt_at = clock_timestamp(), expires_at = greatest(expires_at, clock_timestamp() + interval '5 days')
        WHERE id = ANY($1::uuid[]) AND status = 'dead'
        """)
    private static let oweNotifications = PostgresStatement(
        "owe_notifications",
        """
        UPDATE notifications SET status = 'owed', next_attempt_at = clock_timestamp()
        WHERE id = ANY($1::uuid[]) AND status = 'dead'
        """)
    private static let oweRuns = PostgresStatement(
        "owe_runs",
        """
        UPDATE batch_runs SET state = 'owed', end_reason = NULL, owed_since = clock_timestamp()
        WHERE id = ANY($1::uuid[]) AND state = 'dead'
        """)

    /// What jobs stand for, by the kind of their row.
    private struct Owed {
        var pricings: [(order: UUID, seq: Int64, reason: String)] = []
        var deliveries: [(delivery: UUID, reason: String)] = []
        var notifications: [UUID] = []
        var runs: [(run: UUID, reason: String)] = []

        init(_ jobs: [(id: String, kind: String, reason: String)]) {
            for job in jobs {
                // Events and clicks have none: no row owes them before they are stored.
                guard let row = NewJob.owedRow(ofJob: job.id, kind: job.kind) else { continue }
                switch job.kind {
                case NewJob.pricingKind:
                    if let seq = NewJob.factsSeq(ofPricing: job.id) { pricings.append((row, seq, job.reason)) }
                case DeliveryJob.kind: deliveries.append((row, job.reason))
                case NewJob.notificationKind: notifications.append(row)
                default: runs.append((row, job.reason))
                }
            }
        }
    }

    /// Writes ends to the rows that owe the jobs; a row that owes nothing any more stays as it is.
    package func record(_ ends: [JobEnd]) async throws {
        let owed = Owed(ends.map { ($0.id, $0.kind, "job_\($0.state.rawValue): \($0.reason)") })
        try await deliveries.bury(owed.deliveries.map { ($0.delivery, $0.reason) })
        if !owed.notifications.isEmpty {
            try await notifications.record(ends.filter { $0.kind == NewJob.notificationKind })
        }
        if !owed.pricings.isEmpty {
            // Of several jobs of one order the last number counts: an UPDATE takes one row for each.
            let last = Dictionary(owed.pricings.map { ($0.order, $0) }) { $0.seq >= $1.seq ? $0 : $1 }
            let ends = last.values.sorted { $0.order < $1.order }
            _ = try await pool.query(
                Self.endPricings,
                [.uuids(ends.map(\.order)), .int8s(ends.map(\.seq)), .texts(ends.map(\.reason))])
        }
        if !owed.runs.isEmpty {
            let ends = Dictionary(owed.runs) { first, _ in first }.sorted { $0.key < $1.key }
            _ = try await pool.query(Self.endRuns, [.uuids(ends.map(\.key)), .texts(ends.map(\.value))])
        }
    }

    /// Makes the rows behind these dead jobs owed again. To be called before they are redriven: what no queue holds then, the
    /// sweep enqueues.
    package func owe(_ jobs: [StoredJob]) async throws { try await owe(Owed(jobs.map { ($0.id, $0.kind, "") })) }

    /// As ``owe(_:)-([StoredJob])``, for jobs that no queue holds.
    func owe(_ jobs: [NewJob]) async throws { try await owe(Owed(jobs.map { ($0.id, $0.kind, "") })) }

    private func owe(_ owed: Owed) async throws {
        let rows: [(PostgresStatement, [UUID])] = [
            (Self.owePricings, owed.pricings.map(\.order)), (Self.oweDeliveries, owed.deliveries.map(\.delivery)),
            (Self.oweNotifications, owed.notifications), (Self.oweRuns, owed.runs.map(\.run)),
        ]
        for (statement, ids) in rows where !ids.isEmpty {
            _ = try await pool.query(statement, [.uuids(Set(ids).sorted())])
        }
    }
}
