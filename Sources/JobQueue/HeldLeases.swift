import EventLoop
import Redis
import Telemetry

/// The leases this process holds, and their heartbeat: every third of a lease, one script call for each queue and shard.
@Loop
final class HeldLeases {
    private struct Held {
        /// Jobs that somebody cancelled, of which this process has not said what became of them.
        var cancelling: Set<String> = []
        /// Cancelled jobs that were taken away: what is said of them comes too late.
        var taken: Set<String> = []
        var jobCount: Int
        let leasedAtMilliseconds: Int64
        /// When Redis last gave it a whole lease, at the latest.
        var renewedAtMilliseconds: Int64
    }

    private let context: QueueContext
    private var leases: [Lease: Held] = [:]
    private var timer: LoopTimer?
    private(set) var jobCount = 0 {
        didSet { FlightRecorder.shared?.set(.leased, jobCount) }
    }
    private(set) var aloneCount = 0
    var onLeaseLost: (@Loop (Lease) -> Void)?
    var onCancel: (@Loop (Lease, [String]) -> Void)?
    private var cancelCount = 0
    /// Called whenever jobs are let go.
    private var observers: [@Loop () -> Void] = []

    init(context: QueueContext) { self.context = context }

    func add(_ lease: Lease, jobCount: Int) {
        let now = Loop.monotonicMilliseconds
        leases[lease] = Held(jobCount: jobCount, leasedAtMilliseconds: now, renewedAtMilliseconds: now)
        self.jobCount += jobCount
        if lease.isAlone { aloneCount += 1 }
        if timer == nil { arm(after: .milliseconds(context.leaseMilliseconds / 3)) }
    }

    func release(_ lease: Lease, jobCount count: Int) {
        guard let held = leases[lease] else { return }
        let released = min(count, held.jobCount)
        jobCount -= released
        if held.jobCount > released {
            leases[lease]?.jobCount -= released
        } else {
            leases[lease] = nil
            if lease.isAlone { aloneCount -= 1 }
        }
    }

    /// How long it is held; `nil` for one that is not.
    func age(of lease: Lease) -> Duration? {
        leases[lease].map { .milliseconds(Loop.monotonicMilliseconds - $0.leasedAtMilliseconds) }
    }

    /// Jobs of one queue. O(leases)
    func jobCount(of queue: QueueName) -> Int {
        leases.reduce(0) { $1.key.queue == queue ? $0 + $1.value.jobCount : $0 }
    }

    var heldLeases: [Lease] { Array(leases.keys) }

    func observeReleases(_ observer: @escaping @Loop () -> Void) { observers.append(observer) }

    func tellObservers() {
        for observer in observers { observer() }
    }

    private func arm(after duration: Duration) {
        timer?.cancel()
        timer = LoopTimer(after: duration) { [self] in
            timer = nil
            guard !leases.isEmpty else { return }
            Task { await beat() }
        }
    }

    private func beat() async {
        let now = Loop.monotonicMilliseconds
        let lease = context.leaseMilliseconds
        // Batches that live for milliseconds need no heartbeat.
        let old = leases.filter { now - $0.value.renewedAtMilliseconds > lease / 4 }.keys
        var groups: [[Lease]] = []
        for lease in old {
            let index = groups.firstIndex { $0[0].queue == lease.queue && $0[0].shard == lease.shard }
            if let index { groups[index].append(lease) } else { groups.append([lease]) }
        }
        let beats = groups.map { group in Task { await extend(group) } }
        var failed = false
        for beat in beats where await !beat.value { failed = true }
        guard !leases.isEmpty, timer == nil else { return }
        // After a failure again soon: most of the lease has passed when the third regular one would come.
        arm(after: .milliseconds(failed ? max(1, min(1000, lease / 10)) : lease / 3))
    }

    /// False when Redis did not answer.
    private func extend(_ group: [Lease]) async -> Bool {
        let sentAt = Loop.monotonicMilliseconds
        var arguments: [RedisArgument] = [.integer(context.leaseMilliseconds)]
        for lease in group {
            arguments.append(.integer(lease.fence))
            arguments.append(.string(Lease.text(ofToken: lease.token)))
        }
        do throws(QueueError) {
            let answer = try await context.run(
                QueueScript.extend, group[0].queue, shard: group[0].shard, arguments)
            guard let letters = answer[0]?.bytes, letters.count == group.count else {
                throw .unexpected(QueueScript.extend)
            }
            noteCancels(answer.array?.dropFirst() ?? [], group)
            for (lease, letter) in zip(group, letters) {
                if letter == UInt8(ascii: "+") {
                    leases[lease]?.renewedAtMilliseconds = sentAt
                } else if leases[lease] != nil {
                    lose(lease)
                }
            }
            return true
        } catch {
            context.log.warning(
                "a heartbeat failed",
                ["queue.name": .string(group[0].queue.rawValue), "error": .error(error)])
            return false
        }
    }

    // MARK: Cancellations

    private func noteCancels(_ pairs: ArraySlice<RedisValue>, _ group: [Lease]) {
        var pairs = pairs
        while let fence = pairs.popFirst()?.integer, let joined = pairs.popFirst()?.bytes {
            guard let lease = group.first(where: { $0.fence == fence }), let held = leases[lease] else { continue }
            let ids = joined.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            let new = ids.filter { !held.cancelling.contains($0) && !held.taken.contains($0) }
            guard !new.isEmpty else { continue }
            leases[lease]?.cancelling.formUnion(new)
            cancelCount += 1
            onCancel?(lease, new)
        }
    }

    /// Whether this process may still say what became of a job; notes that it does.
    func claim(_ entry: SettleEntry) -> Bool {
        guard cancelCount > 0, let held = leases[entry.lease] else { return true }
        if case .cancel = entry.ending { return true }
        if held.taken.contains(entry.id) { return false }
        leases[entry.lease]?.cancelling.remove(entry.id)
        return true
    }

    /// Takes those of the cancelled jobs away of which nothing was said yet.
    func endCancelled(_ lease: Lease, _ ids: [String]) -> [String] {
        guard let held = leases[lease] else { return [] }
        let late = ids.filter(held.cancelling.contains)
        leases[lease]?.cancelling.subtract(late)
        leases[lease]?.taken.formUnion(late)
        return late
    }

    private func lose(_ lease: Lease) {
        context.metrics.leasesLost[lease.queue.ordinal].add()
        context.log.warning(
            "a lease was lost",
            ["queue.name": .string(lease.queue.rawValue), "lease.fence": .integer(lease.fence)])
        release(lease, jobCount: .max)
        onLeaseLost?(lease)
        tellObservers()
    }
}
