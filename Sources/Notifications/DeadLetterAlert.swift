package import EventLoop
package import Fleet
import JobQueue
package import Postgres

/// Alerts the operators of dead letters, at most once an hour for each queue and kind.
///
/// Not of the queue of notifications itself: an alert that cannot be sent would be the cause of the next one.
@Loop
package final class DeadLetterAlert: DeadLetterRecorder {
    private let pool: PostgresPool
    private let channels: [Notification.Channel]

    /// - Parameter channels: none tells nobody.
    package init(pool: PostgresPool, channels: [Notification.Channel]) {
        self.pool = pool
        self.channels = channels
    }

    package func record(_ ends: [JobEnd]) async throws {
        let ends = ends.filter { $0.queue != .notifications }
        guard !channels.isEmpty else { return }
        for (what, ends) in Dictionary(grouping: ends, by: { "\($0.queue.rawValue):\($0.kind)" }).sorted(by: {
            $0.key < $1.key
        }) {
            guard let first = ends.first else { continue }
            // The rows are owed; the sweep enqueues them, since a recorder runs before the queue knows of the end.
            _ = try await pool.transaction { transaction in
                try await NotificationBook.alert(
                    "dead-letter:\(what)", count: ends.count, on: channels, in: transaction
                ) { untold in Self.notification(first, count: ends.count, untold: untold) }
            }
        }
    }

    private static func notification(_ end: JobEnd, count: Int, untold: Int64) -> Notification {
        var lines = [
            "Job \(end.id) of kind \(end.kind) ended \(end.state.rawValue) after attempt \(end.attempt).",
            "Reason: \(end.reason)",
        ]
        if count > 1 { lines.append("\(count - 1) more ended with it.") }
        if untold > 0 { lines.append("\(untold) more ended since the last alert.") }
        // A delivery that died after its last attempt is a dead row; no job of it is left.
        let deliveries = end.queue == .webhooks ? ", and `tributary order` for deliveries" : ""
        lines.append("See `tributary dead list`\(deliveries). The same alert comes at most once an hour.")
        return Notification(
            kind: "dead-letter", subject: "Dead letter in queue \(end.queue.rawValue)",
            body: lines.joined(separator: "\n"))
    }
}
