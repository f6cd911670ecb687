import Core

/// Pauses that double from one bound to the other, with full jitter: a random part of each, so that many who failed
/// together do not return together.
struct Backoff {
    let bounds: ClosedRange<Duration>

    init(_ bounds: ClosedRange<Duration>) { self.bounds = bounds }

    /// - Parameter failures: how many came before this one.
    func pause(afterFailures failures: Int) -> Duration {
        .milliseconds(Int64.random(in: 0...ceiling(afterFailures: failures).milliseconds))
    }

    func ceiling(afterFailures failures: Int) -> Duration {
        var ceiling = bounds.lowerBound
        for _ in 0..<max(0, failures) where ceiling < bounds.upperBound { ceiling *= 2 }
        return min(ceiling, bounds.upperBound)
    }
}
