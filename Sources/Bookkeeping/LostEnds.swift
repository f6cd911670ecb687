import Core
package import EventLoop
package import JobQueue
import Ledger
package import Postgres

/// Brings back the steps that ended dead and whose dead letters no queue holds any more, such as after Redis lost its data:
/// there is nothing left to redrive, and a row that ended is passed over by ``OwedWork``.
///
/// Only at an operator's word. Deliveries that died of their own attempts never had a dead letter, and stay dead; so does what
/// an operator deleted.
@Loop
package struct LostEnds {
    /// Rows read at a time.
    nonisolated private static let sliceMax = 500

    private let pool: PostgresPool
    private let queue: JobQueue
    private let rows: OwedRows

    package init(pool: PostgresPool, queue: JobQueue) {
        self.pool = pool
        self.queue = queue
        rows = OwedRows(pool: pool)
    }

    // Each reads the rows after the key `$1` whose job ended, in the order of that key. An order whose facts are newer than
    // its end is owed anyway.
    private static let pricings = PostgresStatement(
        "ended_pricings",
        """
        SELECT id, pricing_ended_seq, touch_due_at FROM orders
        WHERE pricing_ended_seq >= facts_seq AND (priced_seq < facts_seq OR touch_due_at IS NOT NULL)
            AND pricing_end_reason NOT LIKE 'job\\_%: \(OwedRows.deletionMark)%' AND id > $1
        ORDER BY id LIMIT $2
        """)
    private static let deliveries = PostgresStatement(
        "ended_deliveries",
        """
        SELECT id, endpoint_id, attempt::bigint FROM webhook_deliveries
        WHERE status = 'dead' AND end_reason LIKE 'job\\_%'
            AND end_reason NOT LIKE 'job\\_%: \(OwedRows.deletionMark)%' AND id > $1
        ORDER BY id LIMIT $2
        """)
    private static let notifications = PostgresStatement(
        "ended_notifications",
        """
        SELECT id FROM notifications
        WHERE status = 'dead' AND coalesce(last_error, '') NOT LIKE '\(OwedRows.deletionMark)%' AND id > $1
        ORDER BY id LIMIT $2
        """)
    private static let runs = PostgresStatement(
        "ended_runs",
        """
        SELECT id FROM batch_runs
        WHERE state = 'dead' AND end_reason NOT LIKE 'job\\_%: \(OwedRows.deletionMark)%' AND id > $1
        ORDER BY id LIMIT $2
        """)

    /// Makes them owed again; ``OwedWork`` enqueues them then. Rows whose dead letter is there are left to a redrive.
    ///
    /// - Returns: how many of each kind.
    package func owe() async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        counts["pricings"] = try await owe(Self.pricings) { row in
            let owed = OrderBook.OwedPricing(orderID: try row.uuid(0), factsSeq: try row.int(1))
            // The one that died may have been the look for a late touch.
            let touch = try row.isNull(2) ? nil : NewJob.touch(owed, dueAt: try row.timestamp(2))
            return [.pricing(owed)] + (touch.map { [$0] } ?? [])
        }
        counts["deliveries"] = try await owe(Self.deliveries) { row in
            [
                .delivery(
                    OrderBook.OwedDelivery(
                        deliveryID: try row.uuid(0), endpointID: try row.uuid(1), attempt: try row.int(2), delay: .zero)
                )
            ]
        }
        counts["notifications"] = try await owe(Self.notifications) { row in [.notification(try row.uuid(0))] }
        counts["runs"] = try await owe(Self.runs) { row in [.batch(try row.uuid(0))] }
        return counts.filter { $0.value > 0 }
    }

    /// - Parameter jobs: those that may have stood for a row when it ended.
    private func owe(
        _ statement: PostgresStatement, _ jobs: (PostgresRow) throws -> [NewJob]
    ) async throws -> Int {
        var after = UUID(high: 0, low: 0)
        var count = 0
        while true {
            let slice = try await pool.query(statement, [.uuid(after), .int8(Int64(Self.sliceMax))])
            guard let last = slice.last else { return count }
            var lost: [NewJob] = []
            for row in slice {
                let candidates = try jobs(row)
                if try await !isHeld(candidates), let first = candidates.first { lost.append(first) }
            }
            try await rows.owe(lost)
            count += lost.count
            after = try last.uuid(0)
            if slice.count < Self.sliceMax { return count }
        }
    }

    private func isHeld(_ jobs: [NewJob]) async throws -> Bool {
        for job in jobs where try await queue.find(job.id, in: job.queue, shardKey: job.shardKey) != nil { return true }
        return false
    }
}
