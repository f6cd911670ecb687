package import Core

/// A job as operators find it.
package struct StoredJob: Sendable {
    package let id: String
    package let queue: QueueName
    package let shard: Int
    package let state: JobState
    /// Empty for a job of which only the end is remembered, like all that follows.
    package let kind: String
    package let payload: [UInt8]
    /// Failed runs so far.
    package let attempt: Int
    package let maxAttempts: Int
    package let crashes: Int
    package let enqueuedAt: EpochMilliseconds?
    /// When it will be ready, of a scheduled job.
    package let dueAt: EpochMilliseconds?
    /// When it died, of a dead or quarantined job.
    package let diedAt: EpochMilliseconds?
    /// When it was completed, of a job that is kept.
    package let completedAt: EpochMilliseconds?
    package let traceContext: String?
    package let priority: PriorityBand
    /// When it may not begin to run any more, in Redis' time; `nil` for never.
    package let deadline: EpochMilliseconds?
    package let unique: UniqueKey?
    package let orderKey: String?
    /// Jobs of its order key that may be out at once; 1 without a ``KeyLimit``.
    package let places: Int
    /// Between two starts of jobs of its order key; `nil` for no rate.
    package let startInterval: Duration?
    /// Of the key's rate: how many may start at once after a rest.
    package let burst: Int
    /// Whether a scan saw it behind the heads of its order key; ``JobQueue/isHeldBack(_:)`` asks for one job.
    package let isHeldBack: Bool
    package let batch: String?
    package let failures: [JobFailure]
    /// The fence of its lease and who holds it, of a leased job.
    package let fence: Int64?
    package let worker: String?
    /// Since when it is leased, where a scan saw it so.
    package let leasedAt: EpochMilliseconds?

    init(
        id: String, queue: QueueName, shard: Int, state: JobState, record: JobRecord?, time: EpochMilliseconds? = nil,
        fence: Int64? = nil, worker: String? = nil, isHeldBack: Bool = false
    ) {
        self.id = id
        self.queue = queue
        self.shard = shard
        self.state = state
        kind = record?.kind ?? ""
        payload = record?.payload ?? []
        attempt = record?.attempt ?? 0
        maxAttempts = record?.maxAttempts ?? 0
        crashes = record?.crashes ?? 0
        enqueuedAt = record?.enqueuedAt
        dueAt = state == .scheduled ? time : nil
        completedAt = state == .completed && record != nil ? time : nil
        leasedAt = state == .leased && time?.rawValue ?? 0 > 0 ? time : nil
        diedAt = state == .dead || state == .quarantined ? time : nil
        traceContext = record?.traceContext
        priority = record?.priority ?? .normal
        deadline = record?.deadline
        unique = record?.extent.unique
        orderKey = record?.extent.orderKey
        places = Int(record?.extent.places ?? 1)
        let interval = record?.extent.startIntervalMicroseconds ?? 0
        startInterval = interval == 0 ? nil : .microseconds(Int64(interval))
        burst = Int(record?.extent.burst ?? 1)
        self.isHeldBack = isHeldBack
        batch = record?.extent.batch
        failures = record?.failures ?? []
        self.fence = fence
        self.worker = worker
    }
}
