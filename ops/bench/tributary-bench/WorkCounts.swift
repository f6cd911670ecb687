import EventLoop
import JobQueue

/// How often each job was acknowledged, and when.
@Loop
final class WorkCounts {
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

    init(jobs: Int) { acknowledged = Array(repeating: 0, count: jobs) }

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
            guard job.kind == QueueBench.kind else { continue }
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
