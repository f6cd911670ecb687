import EventLoop
import JobQueue
import Telemetry

/// What both kinds of worker share: the source, the verdicts, the work in hand, the backoff, quiet and stop.
@Loop
final class WorkerCore {
    let queue: QueueName
    let source: any JobSource
    let options: WorkerOptions
    let metrics: WorkerMetrics
    let inHand = WorkInHand()
    let log: Log
    private(set) var isQuiet = false
    private let settler: any JobSettler
    private let recorder: (any DeadLetterRecorder)?
    private let writer: OutcomeWriter
    private var backoff = StoreBackoff()
    private var random = SystemRandomNumberGenerator()

    init(
        queue: QueueName, source: any JobSource, settler: any JobSettler, recorder: (any DeadLetterRecorder)?,
        options: WorkerOptions
    ) {
        self.queue = queue
        self.source = source
        self.settler = settler
        self.recorder = recorder
        self.options = options
        metrics = WorkerMetrics(queue: queue)
        log = Log(component: "worker").with(["queue": .string(queue.rawValue)])
        writer = OutcomeWriter(
            settler: settler, recorder: recorder, policy: options.retryPolicy, metrics: metrics, log: log)
        listen()
    }

    /// Several workers may stand on one queue connection: each looks for its own leases and passes the news on.
    private func listen() {
        let othersLost = settler.onLeaseLost
        settler.onLeaseLost = { [weak self] lease in
            self?.leaseLost(lease)
            othersLost?(lease)
        }
        let othersQuarantine = settler.onQuarantine
        settler.onQuarantine = { [weak self] jobs in
            self?.quarantined(jobs)
            othersQuarantine?(jobs)
        }
        let othersExpired = settler.onExpired
        settler.onExpired = { [weak self] jobs in
            try await self?.expired(jobs)
            try await othersExpired?(jobs)
        }
        let othersCancel = settler.onCancelRequested
        settler.onCancelRequested = { [weak self] lease, ids in
            self?.inHand.cancel(lease, ids)
            othersCancel?(lease, ids)
        }
    }

    // MARK: Leasing

    /// The next batch, after what is left of a backoff; nil once quiet.
    func next(max: Int) async -> LeaseBatch? {
        while !isQuiet {
            guard let wait = backoff.remaining(now: Loop.monotonicMilliseconds) else {
                guard let batch = await source.next(max: max) else { return nil }
                metrics.batchJobs.observe(batch.jobs.count)
                FlightRecorder.shared?.countBatch(jobs: batch.jobs.count)
                return batch
            }
            try? await Loop.sleep(for: wait)  // the backoff; only a stop cancels it, and ends the loop
        }
        return nil
    }

    func quiet() {
        isQuiet = true
        source.quiet()
    }

    // MARK: Ends

    /// Settles what is still ours of these jobs.
    func settle(_ results: [(job: LeasedJob, result: VerdictPlan.Result)]) async {
        let claimed = Set(inHand.claim(results.map(\.job)).map(\.id))
        let ours = claimed.count == results.count ? results : results.filter { claimed.contains($0.job.id) }
        updateInFlight()
        if !ours.isEmpty, await !writer.write(ours) { storeFailed() }
    }

    /// A store did not answer: lease nothing for a while.
    func storeFailed(_ error: (any Error)? = nil) {
        backoff.fail(now: Loop.monotonicMilliseconds, random: &random)
        guard let error else { return }
        metrics.storeFailures.add()
        log.warning(
            "a store does not answer; the batch is given back",
            ["store.failures": .int(backoff.failures), "error": .error(error)])
    }

    func storeSucceeded() { backoff.succeed() }

    func updateInFlight() { metrics.inFlight.set(inHand.jobCount) }

    /// What a job of a kind this worker does not know gets instead of a run.
    func parked(_ job: LeasedJob) -> VerdictPlan.Result {
        log.warning("a job of an unknown kind is parked", ["job.id": .string(job.id), "job.kind": .string(job.kind)])
        return .outcome(.snooze(options.parking))
    }

    /// Cancels everything, waits a little for it to end, and gives back what has not.
    func stop() async {
        quiet()
        inHand.cancelAll()
        if await !finishes(within: options.stopGrace, { [inHand] in await inHand.empty() }) {
            let left = inHand.takeAll()
            log.warning("handlers did not end in time; their jobs are given back", ["jobs.count": .int(left.count)])
            _ = await writer.write(left.map { ($0, .abandoned) })
        }
        updateInFlight()
        await source.stop()
    }

    private func leaseLost(_ lease: Lease) {
        guard lease.queue == queue else { return }
        let count = inHand.abandon(lease)
        guard count > 0 else { return }
        updateInFlight()
        metrics.count("any", "stale", count)
        log.warning(
            "a lease was lost; its work is abandoned",
            ["lease.shard": .int(lease.shard), "lease.fence": .integer(lease.fence), "jobs.count": .int(count)])
    }

    /// Tells the rows of jobs that the queue is about to drop; for a row it is an end like that of a dead job.
    private func expired(_ jobs: [LeasedJob]) async throws {
        let ends = jobs.filter { $0.queue == queue }.map { job in
            JobEnd(
                id: job.id, queue: job.queue, kind: job.kind, payload: job.payload, attempt: job.attempt - 1,
                state: .dead,
                reason: "its deadline had passed before it could run")
        }
        guard !ends.isEmpty else { return }
        try await recorder?.record(ends)
        for end in ends { metrics.count(end.kind, "expired") }
    }

    private func quarantined(_ jobs: [StoredJob]) {
        let ours = jobs.filter { $0.queue == queue }
        guard !ours.isEmpty else { return }
        let ends = ours.map { job in
            JobEnd(
                id: job.id, queue: job.queue, kind: job.kind, payload: job.payload, attempt: job.attempt,
                state: .quarantined, reason: job.failures.last?.message ?? "its workers crashed")
        }
        for end in ends {
            metrics.count(end.kind, "quarantined")
            log.error(
                "a job is quarantined",
                ["job.id": .string(end.id), "job.kind": .string(end.kind), "error": .string(end.reason)])
        }
        guard let recorder else { return }
        Task { @Loop [log, metrics] in
            do {
                try await recorder.record(ends)
            } catch {
                // The queue answers for it from now on: who enqueues the id again is told `exists(.quarantined)`.
                metrics.recorderFailures.add(ends.count)
                log.error(
                    "the rows of quarantined jobs could not be told",
                    ["jobs.count": .int(ends.count), "error": .error(error)])
            }
        }
    }
}
