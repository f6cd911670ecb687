import EventLoop
import Fleet
import JobQueue

/// The queue, listened to: a job counts when Redis has confirmed its acknowledgement.
@Loop
final class CountingSettler: JobSettler {
    private let queue: JobQueue
    private let counts: WorkCounts

    init(queue: JobQueue, counts: WorkCounts) {
        self.queue = queue
        self.counts = counts
    }

    func settle(_ verdicts: [(job: LeasedJob, verdict: JobVerdict)]) async throws(QueueError) -> Settlement {
        // The handler has no await of its own: it ran just now.
        let begun = Loop.monotonicNanoseconds
        let settlement = try await queue.settle(verdicts)
        counts.ended(verdicts, settlement, begun: begun)
        return settlement
    }

    var onLeaseLost: (@Loop (Lease) -> Void)? {
        get { queue.onLeaseLost }
        set { queue.onLeaseLost = newValue }
    }

    var onQuarantine: (@Loop ([StoredJob]) -> Void)? {
        get { queue.onQuarantine }
        set { queue.onQuarantine = newValue }
    }

    var onExpired: (@Loop ([LeasedJob]) async throws -> Void)? {
        get { queue.onExpired }
        set { queue.onExpired = newValue }
    }

    var onCancelRequested: (@Loop (Lease, [String]) -> Void)? {
        get { queue.onCancelRequested }
        set { queue.onCancelRequested = newValue }
    }
}
