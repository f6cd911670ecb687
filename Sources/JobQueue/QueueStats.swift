/// The depth of a queue.
package struct QueueStats: Hashable, Sendable {
    /// One shard of it; the sums are of the same form.
    package struct Counts: Hashable, Sendable {
        /// Jobs a worker may lease now.
        package var ready = 0
        /// Those of them whose priority is not normal.
        package var readyUrgent = 0
        package var readyHigh = 0
        package var readyLow = 0
        /// Suspects that wait to be leased by themselves.
        package var suspects = 0
        package var scheduled = 0
        /// Jobs under a lease.
        package var leased = 0
        /// Leases, each of a batch.
        package var leases = 0
        /// Dead and quarantined.
        package var dead = 0
        /// Jobs that wait for another one of their order key.
        package var heldBack = 0
        /// Batches that are open or not at their end.
        package var batches = 0
        /// Completed jobs that are kept.
        package var kept = 0
        /// Unique keys that jobs have.
        package var uniqueKeys = 0
        /// Ids remembered after their end.
        package var remembered = 0
        /// Since the queue was made, or Redis lost its data.
        package var completedTotal = 0
        package var failedTotal = 0
        package var diedTotal = 0
        package var expiredTotal = 0
        package var cancelledTotal = 0
        /// Age of the job that is next.
        package var oldestReadyAge: Duration?
    }

    /// In the shards' order.
    package let shards: [Counts]
    package let sum: Counts
    /// Whether any shard is paused.
    package let isPaused: Bool

    init(shards: [Counts], isPaused: Bool) {
        self.shards = shards
        self.isPaused = isPaused
        sum = shards.reduce(into: Counts()) { sum, counts in
            sum.ready += counts.ready
            sum.readyUrgent += counts.readyUrgent
            sum.readyHigh += counts.readyHigh
            sum.readyLow += counts.readyLow
            sum.suspects += counts.suspects
            sum.scheduled += counts.scheduled
            sum.leased += counts.leased
            sum.leases += counts.leases
            sum.dead += counts.dead
            sum.remembered += counts.remembered
            sum.completedTotal += counts.completedTotal
            sum.failedTotal += counts.failedTotal
            sum.diedTotal += counts.diedTotal
            sum.expiredTotal += counts.expiredTotal
            sum.cancelledTotal += counts.cancelledTotal
            sum.uniqueKeys += counts.uniqueKeys
            sum.heldBack += counts.heldBack
            sum.kept += counts.kept
            sum.batches += counts.batches
            if let age = counts.oldestReadyAge { sum.oldestReadyAge = max(age, sum.oldestReadyAge ?? .zero) }
        }
    }
}
