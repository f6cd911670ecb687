import Core
package import HTTPClient
import Postgres

/// An attempt's result and what follows from it. A class, since it has two dozen parts and passes through many hands.
package final class AttemptRecord: Sendable {
    package let delivery: BegunDelivery
    package let result: HTTPClientResult
    package let verdict: AttemptVerdict
    /// `owed`, `delivered` or `dead`.
    package let status: String
    /// Attempts used, this one included if it counts.
    package let attemptsUsed: Int
    /// To the next attempt; `nil` when there is none.
    package let wait: Duration?
    /// Why it ended; `nil` while it is owed.
    package let endReason: String?

    /// - Parameter jitter: 0 to 1.
    package init(
        _ delivery: BegunDelivery, _ result: HTTPClientResult, _ verdict: AttemptVerdict, schedule: DeliverySchedule,
        jitter: Double
    ) {
        self.delivery = delivery
        self.result = result
        self.verdict = verdict
        switch verdict.delivery {
        case .delivered:
            (status, attemptsUsed, wait, endReason) = ("delivered", delivery.attempt, nil, nil)
        case .failed:
            attemptsUsed = delivery.attempt
            wait = schedule.wait(afterAttempt: delivery.attempt, jitter: jitter)
            status = wait == nil ? "dead" : "owed"
            endReason = wait == nil ? "attempts_exhausted" : nil
        case .postponed(let pause):
            (status, attemptsUsed, wait, endReason) = ("owed", delivery.attempt - 1, pause, nil)
        case .dead(let reason):
            (status, attemptsUsed, wait, endReason) = ("dead", delivery.attempt, nil, reason)
        case .notSent:
            (status, attemptsUsed, wait, endReason) = ("owed", delivery.attempt - 1, .zero, nil)
        }
    }

    /// Of an attempt that was begun and not made, since others to the same endpoint are in its way.
    convenience init(crowdedOut delivery: BegunDelivery, for wait: Duration) {
        self.init(delivery, HTTPClientResult(), .crowdedOut(for: wait), schedule: .standard, jitter: 0)
    }

    /// Why the next attempt is when it is.
    private var nextReason: String? {
        guard wait != nil else { return nil }
        guard case .postponed = verdict.delivery else { return "schedule" }
        return verdict.endpoint == .unchanged ? "crowded_out" : "retry_after"
    }

    static func deliveryColumns(_ records: [AttemptRecord]) -> [PostgresValue] {
        [
            .uuids(records.map(\.delivery.deliveryID)), .int8s(records.map(\.delivery.fence)),
            .int4s(records.map { Int32(clamping: $0.attemptsUsed) }), .texts(records.map(\.status)),
            .int8s(records.map { $0.wait?.milliseconds }), .texts(records.map(\.endReason)),
        ]
    }

    static func attemptColumns(_ records: [AttemptRecord]) -> [PostgresValue] {
        func micros(_ path: KeyPath<HTTPClientResult.Timings, Int>) -> PostgresValue {
            .int8s(records.map { Int64($0.result.timings[keyPath: path]) })
        }
        return [
            .uuids(records.map(\.delivery.deliveryID)), .int4s(records.map { Int32(clamping: $0.delivery.attempt) }),
            .int8s(records.map(\.delivery.fence)), .texts(records.map(\.verdict.failureClass)),
            .int4s(records.map { $0.result.status.map { Int32(clamping: $0) } }),
            .texts(records.map(\.result.remoteAddress)), .bools(records.map(\.result.reusedConnection)),
            micros(\.dnsMicroseconds), micros(\.connectMicroseconds), micros(\.tlsMicroseconds),
            micros(\.firstByteMicroseconds), micros(\.totalMicroseconds), .bytesArray(records.map(\.result.body)),
            .int8s(records.map { $0.wait?.milliseconds }), .texts(records.map(\.nextReason)),
        ]
    }
}
