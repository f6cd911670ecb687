package import EventLoop
package import JobQueue

/// Where a worker gets batches from. The queue's ``LeaseSource`` is one; tests have others.
@Loop package protocol JobSource: AnyObject {
    func start()
    /// Waits for work; nil once quiet.
    func next(max: Int) async -> LeaseBatch?
    /// Leases nothing more; those who wait get nil.
    func quiet()
    /// Ends it, after the drain.
    func stop() async
}

/// Whom a worker tells what became of its jobs. ``JobQueue`` is one; tests have others.
@Loop package protocol JobSettler: AnyObject {
    func settle(_ verdicts: [(job: LeasedJob, verdict: JobVerdict)]) async throws(QueueError) -> Settlement
    var onLeaseLost: (@Loop (Lease) -> Void)? { get set }
    var onQuarantine: (@Loop ([StoredJob]) -> Void)? { get set }
    var onExpired: (@Loop ([LeasedJob]) async throws -> Void)? { get set }
    var onCancelRequested: (@Loop (Lease, [String]) -> Void)? { get set }
}

extension LeaseSource: JobSource {}
extension JobQueue: JobSettler {}
