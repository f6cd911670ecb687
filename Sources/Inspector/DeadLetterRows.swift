import Bookkeeping
import Core
import EventLoop
import JobQueue
import Postgres
import Webhooks

/// The rows that owe dead letters: they are told before the queue is, so that a redriven job finds its row owed and does its
/// work, and a deleted one's row does not bring it back.
@Loop
struct DeadLetterRows {
    let pool: PostgresPool

    private static let oweDeliveries = PostgresStatement(
        "redrive_deliveries",
        """
        UPDATE webhook_deliveries
        SET status = 'owed', end_reason = NULL, ended_at = NULL, next_attempt_at = clock_timestamp(),
            expires_at = greatest(expires_at, clock_timestamp() + interval '5 days')
        WHERE id = ANY($1) AND status = 'dead'
        """)
    private static let endDeliveries = PostgresStatement(
        "delete_deliveries",
        """
        UPDATE webhook_deliveries SET status = 'dead', end_reason = 'job_dead: ' || $2, ended_at = clock_timestamp()
        WHERE id = ANY($1) AND status = 'owed'
        """)
    private static let oweNotifications = PostgresStatement(
        "redrive_notifications",
        """
        UPDATE notifications SET status = 'owed', next_attempt_at = clock_timestamp()
        WHERE id = ANY($1) AND status = 'dead'
        """)
    private static let endNotifications = PostgresStatement(
        "delete_notifications",
        "UPDATE notifications SET status = 'dead', last_error = $2 WHERE id = ANY($1) AND status = 'owed'")

    /// Before a redrive.
    func owe(_ jobs: [StoredJob]) async throws { try await tell(jobs, Self.oweDeliveries, Self.oweNotifications, []) }

    /// Before a deletion.
    func end(_ jobs: [StoredJob], reason: String) async throws {
        try await tell(jobs, Self.endDeliveries, Self.endNotifications, [.text(reason)])
    }

    private func tell(
        _ jobs: [StoredJob], _ deliveries: PostgresStatement, _ notifications: PostgresStatement,
        _ values: [PostgresValue]
    ) async throws {
        let deliveryIDs = ids(jobs, kind: DeliveryJob.kind, prefix: "delivery-")
        let notificationIDs = ids(jobs, kind: NewJob.notificationKind, prefix: "notification-")
        if !deliveryIDs.isEmpty { _ = try await pool.query(deliveries, [.uuids(deliveryIDs)] + values) }
        if !notificationIDs.isEmpty { _ = try await pool.query(notifications, [.uuids(notificationIDs)] + values) }
    }

    /// In order, so that two who do this at once never wait for each other in a circle.
    private func ids(_ jobs: [StoredJob], kind: String, prefix: String) -> [UUID] {
        jobs.filter { $0.kind == kind }.compactMap { UUID(String($0.id.dropFirst(prefix.count).prefix(36))) }.sorted()
    }
}
