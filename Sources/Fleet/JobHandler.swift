package import EventLoop
package import JobQueue

/// What a handler says of one job.
package enum JobOutcome: Sendable {
    /// Its effect is in the database. Follow-ups are enqueued together with the acknowledgement; what a row owes needs
    /// none to be safe, only to be quick.
    case completed(followUps: [NewJob] = [])
    /// It failed and may succeed later: an attempt is spent; after the last one it is dead.
    /// - after: nil waits as the retry policy says.
    case retry(error: String, after: Duration? = nil)
    /// It will never succeed.
    case dead(reason: String)
    /// Not yet; no attempt is spent.
    case snooze(Duration)
}

/// Does a whole batch at once, most often in one transaction, so that doing it again changes nothing.
@Loop package protocol JobHandler {
    /// The kinds it knows; nil for all. Jobs of another kind are parked, not failed: during a rolling deploy a newer
    /// producer may be ahead of this worker.
    var kinds: Set<String>? { get }

    /// One outcome for each job, in the order of the batch.
    ///
    /// What it throws decides over all jobs of the call: an unreachable store gives them back without an attempt;
    /// cancellation too; any other error splits the batch by halves until the bad job stands alone.
    func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome]
}

extension JobHandler {
    package var kinds: Set<String>? { nil }
}

/// Does jobs one by one, each at its own pace, many at a time.
@Loop package protocol JobRunner {
    /// As for ``JobHandler/kinds``.
    var kinds: Set<String>? { get }

    /// Called once for all jobs of a lease before any of them runs, for what one statement can do for all of them. Thrown
    /// errors count as in ``JobHandler/handle(_:)``.
    func prepare(_ batch: [LeasedJob]) async throws

    /// Thrown errors count as in ``JobHandler/handle(_:)``, for this job alone.
    func run(_ job: LeasedJob) async throws -> JobOutcome
}

extension JobRunner {
    package var kinds: Set<String>? { nil }
    package func prepare(_ batch: [LeasedJob]) async throws {}
}

/// The end of a job without success.
package struct JobEnd: Sendable {
    package enum State: String, Sendable { case dead, quarantined }

    package let id: String
    package let queue: QueueName
    package let kind: String
    package let payload: [UInt8]
    /// Runs that failed, this one included.
    package let attempt: Int
    package let state: State
    package let reason: String

    package init(
        id: String, queue: QueueName, kind: String, payload: [UInt8], attempt: Int, state: State, reason: String
    ) {
        self.id = id
        self.queue = queue
        self.kind = kind
        self.payload = payload
        self.attempt = attempt
        self.state = state
        self.reason = reason
    }

    /// The end of a job that stands among the dead letters.
    ///
    /// - Parameter reason: default: its last failure.
    package init(_ job: StoredJob, reason: String? = nil) {
        self.init(
            id: job.id, queue: job.queue, kind: job.kind, payload: job.payload, attempt: job.attempt,
            state: job.state == .quarantined ? .quarantined : .dead,
            reason: reason ?? job.failures.last?.message ?? "its workers crashed")
    }
}

/// Tells the rows that owe jobs of an end, before the queue knows of it: *the owed row is the promise*.
@Loop package protocol DeadLetterRecorder {
    /// Returns when every row knows. When it throws, the jobs do not end: they come again later and are told again, so it
    /// must be written such that doing it again changes nothing.
    func record(_ ends: [JobEnd]) async throws
}
