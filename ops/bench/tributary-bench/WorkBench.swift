import EventLoop
import Fleet
import Glibc
import JobQueue

extension BenchCommand {
    static let work = BenchCommand(
        name: "work",
        usage:
            "--jobs N --counts FILE [--latencies FILE] [--queue commissions]; settings from the environment, until TERM"
    ) { options in
        let numbers = try WorkCounts(jobs: try options.number("jobs", or: 1))
        let name = try QueueBench.queueName(options)
        let process = FleetProcess("tributary-bench", try FleetConfiguration.load()) { fleet in
            let settler = CountingSettler(queue: fleet.queue, counts: numbers)
            fleet.add(
                Worker(
                    name,
                    source: LeaseSource(
                        queue: fleet.queue, name: name,
                        wakeConnection: fleet.redisConnection(purpose: "wake-\(name.rawValue)")),
                    settler: settler, handler: NoopHandler(counts: numbers),
                    options: WorkerOptions(
                        concurrency: fleet.configuration.concurrency ?? 2, batch: fleet.configuration.batch)))
        }
        let code = await process.run()
        guard code == .success else {
            throw BenchOptions.Problem(description: "the worker ended with code \(code.rawValue)")
        }
        try numbers.write(counts: try options.text("counts"), latencies: options.text("latencies", or: ""))
        print(numbers.line)
    }
}

/// How often each job was acknowledged, and when.
@Loop
private final class WorkCounts {
    /// By the job's number.
    private var acknowledged: [UInt8]
    private var total = 0
    private var stale = 0
    private var strange = 0
    private var batches = 0
    private var firstHandled: Int64 = 0
    private var lastAcknowledged: Int64 = 0
    private var cpuAtFirst = 0.0
    /// Microseconds from a job's moment to its handler, and to its acknowledgement, in pairs; of stamped jobs only.
    private var latencies: [Int32] = []

    init(jobs: Int) throws { acknowledged = Array(repeating: 0, count: jobs) }

    func began() {
        batches += 1
        guard firstHandled == 0 else { return }
        firstHandled = Loop.monotonicNanoseconds
        cpuAtFirst = QueueBench.processorSeconds
    }

    func ended(_ verdicts: [(job: LeasedJob, verdict: JobVerdict)], _ settlement: Settlement, begun: Int64) {
        lastAcknowledged = Loop.monotonicNanoseconds
        let refused = Set(settlement.stale)
        stale += refused.count
        for (job, verdict) in verdicts where refused.isEmpty || !refused.contains(job.id) {
            guard case .complete = verdict, let number = QueueBench.number(ofID: job.id),
                acknowledged.indices.contains(number), acknowledged[number] < 255
            else {
                strange += 1
                continue
            }
            acknowledged[number] += 1
            total += 1
            let stamp = QueueBench.stamp(of: job.payload)
            if stamp > 0 {
                latencies.append(Int32(clamping: (begun - stamp) / 1000))
                latencies.append(Int32(clamping: (lastAcknowledged - stamp) / 1000))
            }
        }
    }

    func write(counts: String, latencies path: String) throws {
        try acknowledged.withUnsafeBytes { try QueueBench.write($0, to: counts) }
        if !path.isEmpty { try latencies.withUnsafeBytes { try QueueBench.write($0, to: path) } }
    }

    /// One line of JSON. Times are of the monotonic clock, which all processes of the machine share.
    var line: String {
        """
        {"acknowledged": \(total), "stale": \(stale), "strange": \(strange), "batches": \(batches), \
        "first": \(Double(firstHandled) / 1e9), "last": \(Double(lastAcknowledged) / 1e9), \
        "cpu_seconds": \(total == 0 ? 0 : cpuAtLast - cpuAtFirst)}
        """
    }

    /// An idle worker uses next to none, so the time at the end is that of the last acknowledgement.
    private var cpuAtLast: Double { QueueBench.processorSeconds }
}

/// Does nothing with each job, through all that a real worker does around it.
@Loop
private final class NoopHandler: JobHandler {
    let kinds: Set<String>? = [QueueBench.kind]
    private let counts: WorkCounts

    init(counts: WorkCounts) { self.counts = counts }

    func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        counts.began()
        return batch.map { _ in .completed() }
    }
}

/// The queue, listened to: a job counts when Redis has confirmed its acknowledgement.
@Loop
private final class CountingSettler: JobSettler {
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
