package import Core
package import EventLoop
package import Fleet
package import JobQueue
import Ledger
package import Postgres

/// Finds what PostgreSQL says is owed, and enqueues it again: the owed row is the promise, a job is only a hint.
///
/// A step that is in a queue already is found there by its id, so enqueuing it again changes nothing.
@Loop
package final class OwedWork {
    /// How many steps of each kind were found and how many were really missing from their queue.
    package struct Report: Sendable {
        package var found: [String: Int] = [:]
        package var added: [String: Int] = [:]
        /// Steps whose job had ended dead or in quarantine without its row knowing: the row was told now, and the step waits
        /// for an operator's redrive.
        package var stuck: [String: Int] = [:]

        package var addedTotal: Int { added.values.reduce(0, +) }
    }

    /// Rows read at a time: a slice is one statement and one script call a shard.
    nonisolated private static let sliceMax = 500

    private let pool: PostgresPool
    let queue: JobQueue
    private let recorder: any DeadLetterRecorder

    /// - Parameter recorder: told of ends that it finds; the rows alone by default.
    package init(pool: PostgresPool, queue: JobQueue, recorder: (any DeadLetterRecorder)? = nil) {
        self.pool = pool
        self.queue = queue
        self.recorder = recorder ?? OwedRows(pool: pool)
    }

    // Each reads the rows that have been due for `$1` milliseconds at `$4` (NULL: by the database's clock), after the key
    // `$2`, in the order of that key.
    private static let pricings = PostgresStatement(
        "owed_pricings",
        """
        SELECT id, facts_seq FROM orders
        WHERE priced_seq < facts_seq AND coalesce(pricing_ended_seq, 0) < facts_seq
            AND owed_since <= coalesce($4, clock_timestamp()) - $1 * interval '1 millisecond' AND id > $2
        ORDER BY id LIMIT $3
        """)
    private static let touches = PostgresStatement(
        "owed_touches",
        """
        SELECT id, facts_seq, touch_due_at FROM orders
        WHERE touch_due_at IS NOT NULL AND coalesce(pricing_ended_seq, 0) < facts_seq
            AND touch_due_at <= coalesce($4, clock_timestamp()) - $1 * interval '1 millisecond' AND id > $2
        ORDER BY id LIMIT $3
        """)
    private static let deliveries = PostgresStatement(
        "owed_deliveries",
        """
        SELECT id, endpoint_id, attempt::bigint FROM webhook_deliveries
        WHERE status = 'owed' AND next_attempt_at <= coalesce($4, clock_timestamp()) - $1 * interval '1 millisecond' AND id > $2
        ORDER BY id LIMIT $3
        """)
    private static let notifications = PostgresStatement(
        "owed_notifications",
        """
        SELECT id FROM notifications
        WHERE status = 'owed' AND next_attempt_at <= coalesce($4, clock_timestamp()) - $1 * interval '1 millisecond' AND id > $2
        ORDER BY id LIMIT $3
        """)
    private static let runs = PostgresStatement(
        "owed_runs",
        """
        SELECT id FROM batch_runs
        WHERE state = 'owed' AND owed_since <= coalesce($4, clock_timestamp()) - $1 * interval '1 millisecond' AND id > $2
        ORDER BY id LIMIT $3
        """)

    /// Enqueues what has been due for longer than `age` (zero: everything that is due) and is in no queue.
    ///
    /// - Parameter now: `nil` is the database's clock.
    package func enqueueDue(olderThan age: Duration, at now: EpochMilliseconds? = nil) async throws -> Report {
        var report = Report()
        try await sweep("pricings", Self.pricings, age, now, &report) { row in
            .pricing(OrderBook.OwedPricing(orderID: try row.uuid(0), factsSeq: try row.int(1)))
        }
        try await sweep("touches", Self.touches, age, now, &report) { row in
            .touch(
                OrderBook.OwedPricing(orderID: try row.uuid(0), factsSeq: try row.int(1)),
                dueAt: try row.timestamp(2))
        }
        try await sweep("deliveries", Self.deliveries, age, now, &report) { row in
            .delivery(
                OrderBook.OwedDelivery(
                    deliveryID: try row.uuid(0), endpointID: try row.uuid(1), attempt: try row.int(2), delay: .zero))
        }
        try await sweep("notifications", Self.notifications, age, now, &report) { row in .notification(try row.uuid(0))
        }
        try await sweep("runs", Self.runs, age, now, &report) { row in .batch(try row.uuid(0)) }
        return report
    }

    private func sweep(
        _ what: String, _ statement: PostgresStatement, _ age: Duration, _ now: EpochMilliseconds?,
        _ report: inout Report,
        _ job: (PostgresRow) throws -> NewJob
    ) async throws {
        var after = UUID(high: 0, low: 0)
        while true {
            let rows = try await pool.query(
                statement,
                [
                    .int8(age.milliseconds), .uuid(after), .int8(Int64(Self.sliceMax)),
                    .optional(now) { .timestamp($0) },
                ])
            guard let last = rows.last else { return }
            let jobs = try rows.map(job)
            var ended: [NewJob] = []
            // As the follow-ups that they stand for: no limit of a queue refuses what is promised.
            for (job, outcome) in zip(jobs, try await queue.enqueueFollowUps(jobs)) {
                report.found[what, default: 0] += 1
                switch outcome {
                case .added: report.added[what, default: 0] += 1
                case .exists(.dead), .exists(.quarantined): ended.append(job)
                case .exists, .conflict, .duplicate, .full, .batchEnded: break
                }
            }
            report.stuck[what, default: 0] += try await tellEnds(of: ended)
            after = try last.uuid(0)
            if rows.count < Self.sliceMax { return }
        }
    }

    /// The rows of jobs that ended without anybody telling them; answers how many there were.
    private func tellEnds(of jobs: [NewJob]) async throws -> Int {
        var ends: [JobEnd] = []
        for job in jobs {
            // Gone or alive again: an operator was here meanwhile.
            guard let stored = try await queue.find(job.id, in: job.queue, shardKey: job.shardKey),
                stored.state == .dead || stored.state == .quarantined
            else { continue }
            ends.append(JobEnd(stored))
        }
        if !ends.isEmpty { try await recorder.record(ends) }
        return ends.count
    }
}
