import Core
package import EventLoop
package import Fleet
package import JobQueue
package import Postgres
import Telemetry

@Loop private let attempts = Counter(
    "notification_attempts_total", "Notifications sent or not, by attempt.", labels: ["channel", "outcome"])

/// The notification worker's work. Its row is looked at first: what is not owed any more is not sent.
///
/// A crash between the relay's answer and the row's update sends twice; mail carries the same `Message-ID` then.
@Loop
package final class NotificationHandler: JobHandler {
    nonisolated package static let jobKind = "notification.v1"

    package let kinds: Set<String>? = [jobKind]

    private let pool: PostgresPool
    private let sender: NotificationSender

    package init(pool: PostgresPool, sender: NotificationSender) {
        self.pool = pool
        self.sender = sender
    }

    package func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        var outcomes: [JobOutcome] = []
        for job in batch {
            guard let id = Self.notificationID(job.payload) else {
                outcomes.append(.dead(reason: "malformed payload: a notification's uuid is required"))
                continue
            }
            outcomes.append(try await send(id, fence: job.fence))
        }
        return outcomes
    }

    private func send(_ id: UUID, fence: Int64) async throws -> JobOutcome {
        guard let attempt = try await NotificationBook.begin(id, fence: fence, pool) else { return .completed() }
        let channel = attempt.channel.rawValue
        switch await sender.send(attempt) {
        case .sent:
            attempts.add(1, [channel, "sent"])
            try await NotificationBook.end(attempt, error: nil, pool)
            return .completed()
        case .failed(let error, let after):
            attempts.add(1, [channel, "failed"])
            try await NotificationBook.end(attempt, error: error, pool)
            return .retry(error: error, after: after)
        case .refused(let reason):
            attempts.add(1, [channel, "refused"])
            try await NotificationBook.end(attempt, error: reason, pool)
            return .dead(reason: reason)
        }
    }

    static func notificationID(_ payload: [UInt8]) -> UUID? {
        JSON(validating: payload)?["notification"]?.string.flatMap { UUID($0) }
    }
}

/// Tells owed notifications that their job ended without success.
@Loop
package final class NotificationEnds: DeadLetterRecorder {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func record(_ ends: [JobEnd]) async throws {
        for end in ends {
            guard let id = NotificationHandler.notificationID(end.payload) else { continue }
            try await NotificationBook.bury(id, reason: end.reason, pool)
        }
    }
}
