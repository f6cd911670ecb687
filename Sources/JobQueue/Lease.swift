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

/// What a worker works on at once: the jobs of one lease, or of one lease in each of several shards. No id comes twice.
package struct LeaseBatch: Sendable {
    /// At least one; that of a suspect stands alone.
    package let leases: [Lease]
    /// At least one.
    package let jobs: [LeasedJob]
    /// The first of them.
    package var lease: Lease { leases[0] }

    package init(lease: Lease, jobs: [LeasedJob]) {
        leases = [lease]
        self.jobs = jobs
    }

    /// Those batches as one, and those that cannot be in it, since an id of theirs is in it already: ids are unique in a
    /// queue and shard only.
    static func merging(_ batches: [LeaseBatch]) -> (merged: LeaseBatch?, others: [LeaseBatch]) {
        guard batches.count > 1 else { return (batches.first, []) }
        var leases: [Lease] = []
        var jobs: [LeasedJob] = []
        var ids: Set<String> = []
        var others: [LeaseBatch] = []
        for batch in batches {
            if batch.jobs.contains(where: { ids.contains($0.id) }) {
                others.append(batch)
                continue
            }
            ids.formUnion(batch.jobs.lazy.map(\.id))
            leases += batch.leases
            jobs += batch.jobs
        }
        return (LeaseBatch(leases: leases, jobs: jobs), others)
    }

    private init(leases: [Lease], jobs: [LeasedJob]) {
        self.leases = leases
        self.jobs = jobs
    }
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
