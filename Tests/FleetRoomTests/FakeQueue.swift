import Core
import EventLoop
import TestSupport

@testable import Fleet
@testable import JobQueue

/// Jobs made without a queue, for what is tested without one.
enum FakeJob {
    static func job(
        _ id: String, lease: Lease? = nil, kind: String = "test.v1", attempt: Int = 1, maxAttempts: Int = 10
    )
        -> LeasedJob
    {
        let new = NewJob(
            id: id, queue: .commissions, kind: kind, payload: Array(id.utf8), shardKey: id, maxAttempts: maxAttempts)
        // A record begins with the 8 bytes of Redis' time.
        var record = JobRecord([UInt8](repeating: 0, count: 8) + JobRecord.body(of: new))!
        record.attempt = attempt - 1
        return LeasedJob(id: id, lease: lease ?? Self.lease(1), record: record)
    }

    static func lease(_ fence: Int64) -> Lease {
        Lease(queue: .commissions, shard: 0, fence: fence, token: UInt64(fence), isAlone: false)
    }

    static func batch(_ fence: Int64, _ ids: [String]) -> LeaseBatch {
        let lease = lease(fence)
        return LeaseBatch(lease: lease, jobs: ids.map { job($0, lease: lease) })
    }
}

/// A queue in memory that gives what it is told to give and notes what it is told.
@Loop
final class FakeQueue: JobSource, JobSettler {
    var onLeaseLost: (@Loop (Lease) -> Void)?
    var onQuarantine: (@Loop ([StoredJob]) -> Void)?
    var onExpired: (@Loop ([LeasedJob]) async throws -> Void)?
    var onCancelRequested: (@Loop (Lease, [String]) -> Void)?
    private(set) var verdicts: [(id: String, verdict: JobVerdict)] = []
    private(set) var asked: [Int] = []
    /// When each of them came, on the loop's monotonic clock.
    private(set) var askedAtMilliseconds: [Int64] = []
    private(set) var isStopped = false
    /// Answers of the next settlements; an empty one when there is none.
    var settlements: [Result<Settlement, QueueError>] = []
    private var batches: [LeaseBatch] = []
    private var waiters: [CheckedContinuation<LeaseBatch?, Never>] = []
    private var isQuiet = false

    nonisolated init() {}

    func offer(_ batch: LeaseBatch) {
        if waiters.isEmpty { batches.append(batch) } else { waiters.removeFirst().resume(returning: batch) }
    }

    func verdict(_ id: String) -> String? {
        guard let verdict = verdicts.last(where: { $0.id == id })?.verdict else { return nil }
        switch verdict {
        case .complete(let followUps): return followUps.isEmpty ? "complete" : "complete+\(followUps.count)"
        case .retry: return "retry"
        case .bury: return "bury"
        case .giveBack: return "give back"
        case .snooze: return "snooze"
        }
    }

    func start() {}

    func next(max: Int) async -> LeaseBatch? {
        asked.append(max)
        askedAtMilliseconds.append(Loop.monotonicMilliseconds)
        if isQuiet { return nil }
        if !batches.isEmpty { return batches.removeFirst() }
        return await withCheckedContinuation { waiters.append($0) }
    }

    func quiet() {
        isQuiet = true
        for waiter in waiters { waiter.resume(returning: nil) }
        waiters = []
    }

    func stop() async { isStopped = true }

    func settle(_ verdicts: [(job: LeasedJob, verdict: JobVerdict)]) async throws(QueueError) -> Settlement {
        let answer = settlements.isEmpty ? .success(Settlement()) : settlements.removeFirst()
        if case .success = answer { self.verdicts += verdicts.map { ($0.job.id, $0.verdict) } }
        return try answer.get()
    }
}

/// A handler made of a closure.
struct ClosureHandler: JobHandler {
    var kinds: Set<String>?
    let body: @Loop ([LeasedJob]) async throws -> [JobOutcome]

    init(kinds: Set<String>? = nil, _ body: @escaping @Loop ([LeasedJob]) async throws -> [JobOutcome]) {
        self.kinds = kinds
        self.body = body
    }

    func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] { try await body(batch) }
}

/// A runner made of a closure.
struct ClosureRunner: JobRunner {
    let body: @Loop (LeasedJob) async throws -> JobOutcome
    init(_ body: @escaping @Loop (LeasedJob) async throws -> JobOutcome) { self.body = body }
    func run(_ job: LeasedJob) async throws -> JobOutcome { try await body(job) }
}

/// Notes the ends it is told; throws what it is told to.
@Loop
final class FakeRecorder: DeadLetterRecorder {
    private(set) var ends: [JobEnd] = []
    var error: (any Error)?
    nonisolated init() {}

    func record(_ ends: [JobEnd]) async throws {
        if let error { throw error }
        self.ends += ends
    }
}

/// A job's own failure.
struct BadData: Error, CustomStringConvertible {
    let description = "the data is bad"
}

/// A store that does not answer.
struct StoreIsAway: StoreFailure {
    let isUnreachableStore = true
}
