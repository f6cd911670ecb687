import Core

/// When a delivery is tried again. Pure.
package struct DeliverySchedule: Sendable {
    /// At once, then 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, each after the attempt before: ten attempts
    /// in a little over three days.
    package static let standard = DeliverySchedule(waits: [
        .zero, .seconds(5), .seconds(5 * 60), .seconds(30 * 60), .seconds(2 * 3600), .seconds(5 * 3600),
        .seconds(10 * 3600), .seconds(14 * 3600), .seconds(20 * 3600), .seconds(24 * 3600),
    ])

    /// Before each attempt, the first one included.
    package let waits: [Duration]

    /// - Parameter waits: one for each attempt; at least one.
    package init(waits: [Duration]) {
        precondition(!waits.isEmpty, "a delivery has at least one attempt")
        self.waits = waits
    }

    package var attemptsMax: Int { waits.count }

    /// The wait after attempt number `attempt` (1 = first) failed; `nil` when that was the last one.
    /// - Parameter jitter: 0 to 1, of the tenth that may be added.
    package func wait(afterAttempt attempt: Int, jitter: Double) -> Duration? {
        guard attempt < waits.count else { return nil }
        return Self.stretched(waits[max(attempt, 1)], jitter: jitter)
    }

    /// Adds up to a tenth and takes nothing away, so that what failed together does not come back together.
    package static func stretched(_ wait: Duration, jitter: Double) -> Duration {
        wait + .milliseconds(Int64(Double(wait.milliseconds) * 0.1 * min(max(jitter, 0), 1)))
    }
}
