package import Core
package import EventLoop
package import Postgres

/// The rows of `notifications`: what is owed to the operators and what became of it.
@Loop
package enum NotificationBook {
    /// What an attempt has to send.
    struct Attempt: Sendable {
        let id: UUID
        let channel: Notification.Channel
        let subject: String
        let body: String
        let createdAt: EpochMilliseconds
        /// Guards the result: an attempt that was overtaken by the next one writes none.
        let number: Int64
    }

    /// The same alert comes at most once in this time; the others are counted and told with the next one.
    nonisolated package static let alertPeriod = Duration.seconds(3600)

    private static let insert = PostgresStatement(
        "owe_notification",
        "INSERT INTO notifications (id, channel, kind, subject, body) VALUES ($1, $2, $3, $4, $5)")
    // Whoever moves the instant may speak; of several at once the row's lock lets one.
    private static let speak = PostgresStatement(
        "speak_alert",
        """
        INSERT INTO alert_periods AS p (alert_key, last_at) VALUES ($1, clock_timestamp())
        ON CONFLICT (alert_key) DO UPDATE SET last_at = clock_timestamp()
        WHERE p.last_at <= clock_timestamp() - $2 * interval '1 millisecond'
        """)
    private static let takeSuppressed = PostgresStatement(
        "take_suppressed",
        """
        WITH old AS (SELECT suppressed FROM alert_periods WHERE alert_key = $1)
        UPDATE alert_periods SET suppressed = 0 FROM old WHERE alert_key = $1 RETURNING old.suppressed
        """)
    private static let suppress = PostgresStatement(
        "suppress_alert", "UPDATE alert_periods SET suppressed = suppressed + $2 WHERE alert_key = $1")
    private static let begin = PostgresStatement(
        "begin_notification",
        """
        UPDATE notifications SET attempt = attempt + 1, fence = $2,
            next_attempt_at = clock_timestamp() + interval '5 minutes'
        WHERE id = $1 AND status = 'owed'
        RETURNING channel, subject, body, created_at, attempt::bigint
        """)
    private static let sent = PostgresStatement(
        "notification_sent",
        """
        UPDATE notifications SET status = 'sent', sent_at = clock_timestamp(), last_error = NULL
        WHERE id = $1 AND status = 'owed' AND attempt = $2
        """)
    private static let failed = PostgresStatement(
        "notification_failed",
        "UPDATE notifications SET last_error = left($3, 500) WHERE id = $1 AND status = 'owed' AND attempt = $2")
    private static let dead = PostgresStatement(
        "notification_dead",
        "UPDATE notifications SET status = 'dead', last_error = left($2, 500) WHERE id = $1 AND status = 'owed'")

    /// Writes a row for each channel within the caller's transaction, so that they are owed exactly when its change is made.
    ///
    /// - Returns: the rows' ids; each owes a job `notification.v1`, which the sweep enqueues when nobody else does.
    package static func owe(
        _ notification: Notification, on channels: [Notification.Channel], in transaction: PostgresTransaction
    ) async throws -> [UUID] {
        var ids: [UUID] = []
        for channel in channels {
            let id = UUID.version7(at: Loop.wallClock)
            _ = try await transaction.execute(
                insert,
                [
                    .uuid(id), .text(channel.rawValue), .text(notification.kind), .text(notification.subject),
                    .text(notification.body),
                ])
            ids.append(id)
        }
        return ids
    }

    /// As ``owe(_:on:in:)``, unless the same alert was owed less than an hour ago; then `count` is added to what the next one
    /// tells.
    ///
    /// - Parameters:
    ///   - key: what makes an alert the same, such as `dead-letter:webhooks`.
    ///   - make: gets the number of those that nobody was told of, this one's `count` left out.
    package static func alert(
        _ key: String, count: Int = 1, on channels: [Notification.Channel], in transaction: PostgresTransaction,
        _ make: (Int64) -> Notification
    ) async throws -> [UUID] {
        let spoke = try await transaction.execute(speak, [.text(key), .int8(alertPeriod.milliseconds)])
        guard spoke.affectedRows == 1 else {
            _ = try await transaction.execute(suppress, [.text(key), .int8(Int64(count))])
            return []
        }
        let untold = try await transaction.execute(takeSuppressed, [.text(key)])[0].int(0)
        return try await owe(make(untold), on: channels, in: transaction)
    }

    /// Begins an attempt; `nil` when the row is not owed any more.
    static func begin(_ id: UUID, fence: Int64, _ pool: PostgresPool) async throws -> Attempt? {
        guard let row = try await pool.query(begin, [.uuid(id), .int8(fence)]).first,
            let channel = Notification.Channel(rawValue: try row.text(0))
        else { return nil }
        return Attempt(
            id: id, channel: channel, subject: try row.text(1), body: try row.text(2),
            createdAt: try row.timestamp(3), number: try row.int(4))
    }

    static func end(_ attempt: Attempt, error: String?, _ pool: PostgresPool) async throws {
        let values: [PostgresValue] = [.uuid(attempt.id), .int4(Int32(clamping: attempt.number))]
        if let error {
            _ = try await pool.query(failed, values + [.text(error)])
        } else {
            _ = try await pool.query(sent, values)
        }
    }

    /// Ends an owed row whose job ended without success.
    static func bury(_ id: UUID, reason: String, _ pool: PostgresPool) async throws {
        _ = try await pool.query(dead, [.uuid(id), .text(reason)])
    }
}
