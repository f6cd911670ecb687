import Core
import EventLoop
import JobQueue

/// What the leases say of who works on what, by the workers' names. Bounded: it says how many jobs it has seen.
struct WorkersInHand {
    /// The jobs that one worker has under leases.
    struct Hand {
        var jobs = 0
        var leases: Set<String> = []
        var queues: Set<QueueName> = []
        var kinds: [String: Int] = [:]
        /// The one that it has had for longest.
        var oldest: StoredJob?

        fileprivate mutating func add(_ job: StoredJob) {
            jobs += 1
            // Each shard of a queue counts its fences by itself.
            leases.insert("\(job.queue.rawValue)/\(job.shard)/\(job.fence ?? 0)")
            queues.insert(job.queue)
            kinds[job.kind.isEmpty ? "-" : job.kind, default: 0] += 1
            if let leasedAt = job.leasedAt, oldest?.leasedAt.map({ leasedAt < $0 }) ?? true { oldest = job }
        }

        /// The most frequent first.
        var sortedKinds: [(kind: String, count: Int)] {
            kinds.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
        }
    }

    private(set) var hands: [String: Hand] = [:]
    private(set) var seen = 0
    /// Whether all leased jobs were looked at.
    private(set) var isComplete = true

    /// - Parameter scan: jobs to look at, at most; a script call looks at 200 of them.
    @Loop static func read(_ queue: JobQueue, scan: Int) async throws -> WorkersInHand {
        var found = WorkersInHand()
        var filter = JobFilter()
        _ = filter.only(.leased)
        let search = try await JobCommands.search(queue, filter, from: nil, limit: scan, scan: scan)
        for job in search.jobs { found.hands[job.worker ?? "-", default: Hand()].add(job) }
        found.seen = search.seen
        found.isComplete = search.next == nil
        return found
    }
}
