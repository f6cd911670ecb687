import Core

/// How long a worker leases nothing after a store did not answer: exponential with full jitter, over at the first success.
struct StoreBackoff {
    /// Bound of the first wait.
    static let base = Duration.milliseconds(100)
    /// Bound of the longest wait.
    static let cap = Duration.seconds(5)
    /// No wait is shorter: a given-back batch must not come straight back.
    static let least = Duration.milliseconds(20)

    private(set) var failures = 0
    private var until: Int64 = .min

    /// Notes a failure at `now` (milliseconds of a monotonic clock); a longer wait that runs already stays.
    mutating func fail(now: Int64, random: inout some RandomNumberGenerator) {
        let bound = min(Self.cap, Self.base * (1 << min(failures, 10)))
        failures += 1
        let wait = Int64.random(
            in: Self.least.milliseconds...max(Self.least.milliseconds, bound.milliseconds), using: &random)
        until = max(until, now + wait)
    }

    mutating func succeed() { failures = 0 }

    /// What is left of the wait at `now`; nil when it is over.
    func remaining(now: Int64) -> Duration? { until > now ? .milliseconds(until - now) : nil }
}
