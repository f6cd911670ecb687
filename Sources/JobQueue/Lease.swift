/// The exclusive right to run one attempt of each job of a batch.
package struct Lease: Hashable, Sendable {
    package let queue: QueueName
    package let shard: Int
    /// Grows with each lease of the queue in its shard, over restarts and losses of Redis too: a handler may write it to
    /// PostgreSQL and refuse a smaller one.
    package let fence: Int64
    /// Random; compared with the fence on every later call.
    package let token: UInt64
    /// Whether its one job is a suspect, leased by itself because a lease of it once expired.
    package let isAlone: Bool

    /// The token as the scripts know it: 16 hexadecimal digits.
    static func text(ofToken token: UInt64) -> String {
        let digits = String(token, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

/// What one lease call brought: jobs that live and end together as far as time goes, and one by one otherwise.
package struct LeaseBatch: Sendable {
    package let lease: Lease
    /// At least one.
    package let jobs: [LeasedJob]
}

/// The answer to a lease call.
package struct LeaseAnswer: Sendable {
    /// `nil` when nothing could be leased.
    package let batch: LeaseBatch?
    package let isPaused: Bool
    /// Time until the queue should be looked at again though nobody asks; `nil` when nothing is scheduled or leased.
    package let nextCheck: Duration?
    /// Jobs that are ready still.
    package let readyLeft: Int
    /// Suspects that wait for a worker that holds nothing.
    package let suspectsLeft: Int

    /// The time until the next check that a script names in Redis' milliseconds; 0 there for never.
    static func wait(until check: Int64, now: Int64) -> Duration? {
        check == 0 ? nil : .milliseconds(Swift.max(0, check - now))
    }
}
