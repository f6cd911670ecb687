package import EventLoop
package import JobQueue
import Telemetry

/// Works one queue job by job: leases in batches, runs up to a window of jobs at a time, and tells each as it ends.
///
/// One slow job holds nothing up but its own place in the window.
@Loop
package final class StreamingWorker: FleetService {
    package let name: String
    private let core: WorkerCore
    private let runner: any JobRunner
    private var pump: Task<Void, Never>?
    private var inFlight = 0
    private var roomWaiter: CheckedContinuation<Void, Never>?

    /// - Parameters:
    ///   - recorder: as for ``Worker``.
    ///   - options: `concurrency` is the window in jobs.
    package init(
        _ queue: QueueName, source: any JobSource, settler: any JobSettler, runner: any JobRunner,
        recorder: (any DeadLetterRecorder)? = nil, options: WorkerOptions = WorkerOptions(concurrency: 1000)
    ) {
        name = "worker.\(queue.rawValue)"
        core = WorkerCore(queue: queue, source: source, settler: settler, recorder: recorder, options: options)
        self.runner = runner
    }

    package func start() {
        core.source.start()
        pump = Task { @Loop in await runPump() }
    }

    package func quiet() {
        core.quiet()
        pump?.cancel()
        resumeRoomWaiter()
    }

    package func drain() async {
        await pump?.value
        await core.inHand.empty()
    }

    package func stop() async {
        quiet()
        await core.stop()
    }

    private func runPump() async {
        while !core.isQuiet {
            let room = core.options.concurrency - inFlight
            guard room > 0 else {
                await withCheckedContinuation { roomWaiter = $0 }
                continue
            }
            guard let batch = await core.next(max: min(room, core.options.batch)) else { return }
            inFlight += batch.jobs.count
            Task { @Loop in await core.inHand.run(batch) { [self] in await process(batch) } }
        }
    }

    private func process(_ batch: LeaseBatch) async {
        core.updateInFlight()
        var toRun = batch.jobs
        if let kinds = runner.kinds {
            let parked = toRun.filter { !kinds.contains($0.kind) }
            if !parked.isEmpty {
                toRun.removeAll { !kinds.contains($0.kind) }
                await end(parked.map { ($0, core.parked($0)) })
            }
        }
        let report = await splitting(toRun) { jobs in
            try await self.runner.prepare(jobs)
            return jobs
        }
        if let error = report.storeError { core.storeFailed(error) } else if report.calls > 0 { core.storeSucceeded() }
        var prepared: [LeasedJob] = []
        var ended: [(job: LeasedJob, result: VerdictPlan.Result)] = []
        for (job, result) in zip(toRun, report.results) {
            switch result {
            case .outcome: prepared.append(job)
            case .failed(let message): ended.append((job, .failed(message: message)))
            case .abandoned: ended.append((job, .abandoned))
            }
        }
        // Tasks of the loop rather than a group, whose children would start on another thread; a cancellation is passed on.
        let runs = prepared.map { job in
            let run = Task { @Loop in await self.run(job) }
            core.inHand.note(run, of: job)
            return run
        }
        await withTaskCancellationHandler {
            if !ended.isEmpty { await end(ended) }
            for run in runs { await run.value }
        } onCancel: {
            for run in runs { run.cancel() }
        }
    }

    private func run(_ job: LeasedJob) async {
        let begin = Loop.monotonicNanoseconds
        let result: VerdictPlan.Result
        do {
            result = .outcome(try await runner.run(job))
            core.storeSucceeded()
        } catch {
            switch FailureClass(error) {
            case .unreachableStore:
                core.storeFailed(error)
                result = .abandoned
            case .cancelled: result = .abandoned
            case .job: result = .failed(message: String(describing: error))
            }
        }
        core.metrics.jobSeconds.observe(Double(Loop.monotonicNanoseconds - begin) / 1e9)
        await end([(job, result)])
    }

    /// Settles, and only then gives the places in the window free: what is not confirmed still counts.
    private func end(_ results: [(job: LeasedJob, result: VerdictPlan.Result)]) async {
        await core.settle(results)
        inFlight -= results.count
        // At the turn's end, so that the jobs that end together make room for one larger lease.
        if roomWaiter != nil { Loop.atTurnEnd { [self] in resumeRoomWaiter() } }
    }

    private func resumeRoomWaiter() {
        let waiter = roomWaiter
        roomWaiter = nil
        waiter?.resume()
    }
}
