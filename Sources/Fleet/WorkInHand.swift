import EventLoop
import JobQueue

/// Leases that a worker works on, each with the task that does: so that a lost lease or a stop can end it.
@Loop
final class WorkInHand {
    private final class Entry {
        let jobs: [LeasedJob]
        var unsettled: Set<String>
        var task: Task<Void, Never>?
        /// The tasks of jobs that have one of their own.
        var runs: [String: Task<Void, Never>] = [:]
        var cancelled: Set<String> = []
        init(_ jobs: [LeasedJob]) {
            self.jobs = jobs
            unsettled = Set(jobs.map(\.id))
        }
    }

    private var entries: [Lease: Entry] = [:]
    private var whenEmpty: [CheckedContinuation<Void, Never>] = []

    nonisolated init() {}

    /// Jobs that have no verdict yet.
    private(set) var jobCount = 0

    /// Notes a batch and starts its task; returns when the task has ended or the lease was taken away.
    func run(_ batch: LeaseBatch, _ body: @escaping @Loop () async -> Void) async {
        let entry = Entry(batch.jobs)
        for lease in batch.leases { entries[lease] = entry }
        jobCount += batch.jobs.count
        let task = Task { @Loop in await body() }
        entry.task = task
        await task.value
        for lease in batch.leases { remove(lease) }
    }

    /// Claims the right to say what became of these jobs; what is left of them when the lease has not been taken away. To be
    /// called right before they are settled, since afterwards a stop does not give them back.
    func claim(_ jobs: [LeasedJob]) -> [LeasedJob] {
        let claimed = jobs.filter { entries[$0.lease]?.unsettled.remove($0.id) != nil }
        jobCount -= claimed.count
        return claimed
    }

    /// The lease is another's now: cancels the work and forgets the lease's jobs; what is left of the batch is still to be
    /// settled. The number of the lease's jobs; 0 when it is not in hand.
    func abandon(_ lease: Lease) -> Int {
        guard let entry = entries[lease] else { return 0 }
        let before = jobCount
        entry.task?.cancel()
        remove(lease)
        return before - jobCount
    }

    /// Notes the task of a job that has one of its own.
    func note(_ run: Task<Void, Never>, of job: LeasedJob) {
        entries[job.lease]?.runs[job.id] = run
        if entries[job.lease]?.cancelled.contains(job.id) == true { run.cancel() }
    }

    /// Cancels the work on these jobs: their own tasks, or that of the batch where nothing else is left in it. Others of a
    /// batch that works on all at once must not suffer, so there the jobs may still succeed.
    func cancel(_ lease: Lease, _ ids: [String]) {
        guard let entry = entries[lease] else { return }
        entry.cancelled.formUnion(ids)
        for id in ids { entry.runs[id]?.cancel() }
        if entry.unsettled.isSubset(of: entry.cancelled) { entry.task?.cancel() }
    }

    /// Cancels all work; its tasks end by themselves.
    func cancelAll() {
        for entry in entries.values { entry.task?.cancel() }
    }

    /// Takes away all jobs that have no verdict yet.
    func takeAll() -> [LeasedJob] {
        let jobs = entries.flatMap { lease, entry in
            entry.jobs.filter { $0.lease == lease && entry.unsettled.contains($0.id) }
        }
        for lease in entries.keys { remove(lease) }
        return jobs
    }

    /// Returns when nothing is in hand.
    func empty() async {
        if entries.isEmpty { return }
        await withCheckedContinuation { whenEmpty.append($0) }
    }

    private func remove(_ lease: Lease) {
        guard let entry = entries.removeValue(forKey: lease) else { return }
        if !entry.unsettled.isEmpty {
            let left = entry.jobs.filter { $0.lease == lease && entry.unsettled.contains($0.id) }
            for job in left { entry.unsettled.remove(job.id) }
            jobCount -= left.count
        }
        guard entries.isEmpty else { return }
        let waiting = whenEmpty
        whenEmpty = []
        for continuation in waiting { continuation.resume() }
    }
}
