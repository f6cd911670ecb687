package import EventLoop
package import Redis

/// The queue engine's face: enqueue, lease, settle, and what operators do.
///
/// Everything is one script of Redis for each queue and shard concerned; how they work stands in `docs/queue.md`. One
/// instance serves a process, on a connection that nothing blocks.
@Loop
package final class JobQueue {
    package let configuration: JobQueueConfiguration
    /// Whoever made it starts and closes it.
    package let connection: RedisClient
    /// Called with jobs that were quarantined just now, so that the rows which owe them can be told. Should this
    /// process end before that, an enqueue of the same id answers `exists(.quarantined)`.
    package var onQuarantine: (@Loop ([StoredJob]) -> Void)?
    /// Called with jobs that were leased after their deadline, before they are dropped, so that the rows which owe them can
    /// be told first. When it throws, they are put off and come again. Without it they are dropped at once.
    package var onExpired: (@Loop ([LeasedJob]) async throws -> Void)?
    /// Called with running jobs that somebody cancelled: end their runs, by the cancellation of their tasks, and say what you
    /// like of them then; none of them runs again.
    package var onCancelRequested: (@Loop (Lease, [String]) -> Void)?
    /// Called when a heartbeat was refused: another worker may run these jobs by now.
    package var onLeaseLost: (@Loop (Lease) -> Void)? {
        get { held.onLeaseLost }
        set { held.onLeaseLost = newValue }
    }

    let context: QueueContext
    let held: HeldLeases
    let guarded: GuardedGatherer
    private let enqueues: EnqueueGatherer
    let settles: SettleGatherer
    let shares: QueueShares
    /// False of a Cluster's client, and once a Cluster that is reached as one server has refused a look over several shards.
    var glancesSpanShards: Bool

    /// - Parameter replicated: how ``enqueue(_:)-([NewJob])`` and ``enqueue(_:ifFirstOf:within:)`` wait for replicas; without
    ///   it they do not. Follow-ups never do: their rows owe them.
    /// - Precondition: the configuration has no ``JobQueueConfiguration/problems()``.
    package init(
        connection: RedisClient, configuration: JobQueueConfiguration, replicated: ReplicatedEnqueues? = nil
    ) {
        let problems = configuration.problems()
        precondition(problems.isEmpty, problems.joined(separator: "; "))
        self.configuration = configuration
        self.connection = connection
        glancesSpanShards = !connection.isCluster
        // More jobs than fit into one script call keep their order.
        for each in [connection] + (replicated?.connections ?? []) { each.load([QueueScript.enqueue]) }
        context = QueueContext(connection: connection, configuration: configuration, replicated: replicated)
        held = HeldLeases(context: context)
        enqueues = EnqueueGatherer(context: context)
        guarded = GuardedGatherer(context: context)
        settles = SettleGatherer(context: context, enqueues: enqueues, held: held)
        shares = QueueShares(context: context, held: held)
        held.onCancel = { [weak self] lease, ids in self?.cancelRequested(lease, ids) }
    }

    /// Jobs that are leased and not settled yet, by this instance.
    package var heldJobCount: Int { held.jobCount }

    // MARK: Enqueue

    /// Enqueues a job; calls of one turn of the loop go to Redis as one script call for each shard.
    ///
    /// May be repeated with the same id after every error: the second one then answers ``EnqueueOutcome/exists(state:)``.
    /// - Throws: ``QueueError/outOfMemory`` when Redis is full, ``QueueError/invalid(_:)`` before anything is sent.
    package func enqueue(_ job: NewJob) async throws(QueueError) -> EnqueueOutcome {
        try await enqueue([job])[0]
    }

    /// Enqueues jobs of any queues and shards; one outcome for each, in their order.
    ///
    /// The jobs of a shard are taken together, up to 1,000 at once; when this throws, those of some shards may have been
    /// taken. Repeating the whole is right then too.
    package func enqueue(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueOutcome] {
        try await enqueues.enqueue(jobs, areFollowUps: false)
    }

    /// As ``enqueue(_:)-([NewJob])``, for what follows from work that was done: no limit of a queue refuses it.
    package func enqueueFollowUps(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueOutcome] {
        try await enqueues.enqueue(jobs, areFollowUps: true)
    }

    // MARK: Settle

    /// Ends attempts, any mix of verdicts over any leases of this instance.
    ///
    /// Calls of one turn for the same queue and shard go together, and while one is on its way the next ones gather.
    /// Over lost connections it repeats itself for ``JobQueueConfiguration/settlePatience``; whatever comes of it, the
    /// jobs are not kept leased by the heartbeat any longer.
    /// - Returns: when Redis has confirmed it; ids whose lease is lost are named ``Settlement/stale``.
    package func settle(
        _ verdicts: [(job: LeasedJob, verdict: JobVerdict)]
    ) async throws(QueueError) -> Settlement {
        try await settles.settle(verdicts)
    }

    /// Acknowledges jobs; the follow-ups hang on the first of them.
    package func complete(
        _ jobs: [LeasedJob], followUps: [NewJob] = []
    ) async throws(QueueError) -> Settlement {
        try await settle(
            jobs.enumerated().map { (job: $1, verdict: .complete(followUps: $0 == 0 ? followUps : [])) })
    }

    /// Lets a failed job run again after that time; dead when it was the last attempt.
    package func retry(
        _ job: LeasedJob, after delay: Duration, error: String
    ) async throws(QueueError) -> Settlement {
        try await settle([(job: job, verdict: .retry(after: delay, error: error))])
    }

    /// Ends a job dead.
    package func bury(_ job: LeasedJob, reason: String) async throws(QueueError) -> Settlement {
        try await settle([(job: job, verdict: .bury(reason: reason))])
    }

    /// Puts jobs back to the front; spends no attempt.
    package func giveBack(_ jobs: [LeasedJob]) async throws(QueueError) -> Settlement {
        try await settle(jobs.map { (job: $0, verdict: .giveBack) })
    }

    /// Lets a job wait for that time; spends no attempt.
    package func snooze(_ job: LeasedJob, for delay: Duration) async throws(QueueError) -> Settlement {
        try await settle([(job: job, verdict: .snooze(delay))])
    }
}
