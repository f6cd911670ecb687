import Core

/// How long a failed job waits before its next run: exponential with full jitter.
///
/// The wait after the n-th failed run is uniform in `0 ... min(cap, base x factor^(n-1))`, so that jobs which failed
/// together do not come back together.
package struct RetryPolicy: Hashable, Sendable {
    /// The longest wait after the first failure. Default 1 s.
    package var base: Duration
    /// What each failure multiplies it by: 1 to 10. Default 2.
    package var factor: Int
    /// The longest wait of all. Default 10 min.
    package var cap: Duration

    package init(base: Duration = .seconds(1), factor: Int = 2, cap: Duration = .seconds(600)) {
        precondition(base > .zero && cap >= base && (1...10).contains(factor), "not a retry policy")
        self.base = base
        self.factor = factor
        self.cap = cap
    }

    /// The longest wait after that many failed runs, 1 for the first.
    package func ceiling(afterAttempt attempt: Int) -> Duration {
        var ceiling = base.milliseconds
        for _ in 1..<max(1, attempt) {
            // Stop at the cap: the power would leave 64 bits long before the attempts are used up.
            if ceiling >= cap.milliseconds { break }
            ceiling *= Int64(factor)
            if factor == 1 { break }
        }
        return .milliseconds(min(ceiling, cap.milliseconds))
    }

    /// The wait after that many failed runs, in whole milliseconds and at least one.
    package func delay(
        afterAttempt attempt: Int, random: inout some RandomNumberGenerator
    ) -> Duration {
        .milliseconds(Int64.random(in: 1...max(1, ceiling(afterAttempt: attempt).milliseconds), using: &random))
    }

    package func delay(afterAttempt attempt: Int) -> Duration {
        var random = SystemRandomNumberGenerator()
        return delay(afterAttempt: attempt, random: &random)
    }
}
