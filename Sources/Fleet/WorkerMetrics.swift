import EventLoop
import JobQueue
import Telemetry

/// What one queue's worker counts. The names are a contract: see docs/metrics.md.
@Loop
final class WorkerMetrics {
    private let queue: String
    private let ended = Counter(
        "jobs_completed_total", "Runs of jobs that ended, by outcome.", labels: ["queue", "kind", "outcome"])
    private var endedSeries: [String: [String: Counter.Series]] = [:]
    let batchJobs: Histogram.Series
    let batchSeconds: Histogram.Series
    let jobSeconds: Histogram.Series
    let splits: Counter.Series
    let storeFailures: Counter.Series
    let settlementsFailed: Counter.Series
    let recorderFailures: Counter.Series
    let inFlight: Gauge.Series

    init(queue: QueueName) {
        let queue = queue.rawValue
        self.queue = queue
        batchJobs = Histogram(
            "job_batch_jobs", "Jobs in a leased batch.", bounds: Histogram.countBounds, labels: ["queue"]
        ).series([queue])
        batchSeconds = Histogram(
            "job_batch_duration_seconds", "From a batch's lease to its handler's answer.", labels: ["queue"]
        ).series([queue])
        jobSeconds = Histogram(
            "job_duration_seconds", "One run of a job in a worker that runs jobs one by one.", labels: ["queue"]
        ).series([queue])
        splits = Counter(
            "job_batch_splits_total", "Handler calls beyond the first of a batch, to find a bad job.", labels: ["queue"]
        ).series([queue])
        storeFailures = Counter(
            "job_store_failures_total", "Batches given back because a store did not answer.", labels: ["queue"]
        ).series([queue])
        settlementsFailed = Counter(
            "job_settlements_failed_total", "Acknowledgements that the queue could not be told; the jobs run again.",
            labels: ["queue"]
        ).series([queue])
        recorderFailures = Counter(
            "job_ends_postponed_total", "Ends put off because the owed row could not be told.", labels: ["queue"]
        ).series([queue])
        inFlight = Gauge("jobs_in_flight", "Jobs leased by this process and not settled.", labels: ["queue"])
            .series([queue])
    }

    /// The outcomes: `completed`, `retried`, `dead`, `quarantined`, `snoozed`, `given_back`, `stale`.
    func count(_ kind: String, _ outcome: String, _ amount: Int = 1) {
        if let series = endedSeries[kind]?[outcome] { return series.add(amount) }
        let series = ended.series([queue, kind, outcome])
        endedSeries[kind, default: [:]][outcome] = series
        series.add(amount)
    }
}
