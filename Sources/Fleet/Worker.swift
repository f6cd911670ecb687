package import EventLoop
package import JobQueue
import Telemetry

/// Works one queue in batches: lease, handle, tell, again; several batches at a time.
///
/// While one batch is in PostgreSQL the next one is leased, so a batch grows with the load and is of one job when it is
/// quiet. What the queue promises for it: a lease is extended as long as the job is worked on, a suspect comes alone, and
/// nothing is leased beside it.
@Loop
package final class Worker: FleetService {
    package let name: String
    private let core: WorkerCore
    private let handler: any JobHandler
    private var lanes: [Task<Void, Never>] = []

    /// - Parameter recorder: told of ends without success before the queue is; nil where no row owes the jobs.
    package init(
        _ queue: QueueName, source: any JobSource, settler: any JobSettler, handler: any JobHandler,
        recorder: (any DeadLetterRecorder)? = nil, options: WorkerOptions = WorkerOptions()
    ) {
        name = "worker.\(queue.rawValue)"
        core = WorkerCore(queue: queue, source: source, settler: settler, recorder: recorder, options: options)
        self.handler = handler
    }

    package func start() {
        core.source.start()
        lanes = (0..<core.options.concurrency).map { _ in Task { @Loop in await runLane() } }
    }

    package func quiet() {
        core.quiet()
        // Ends their waits; a batch in hand has a task of its own and goes on.
        for lane in lanes { lane.cancel() }
    }

    package func drain() async {
        for lane in lanes { await lane.value }
        await core.inHand.empty()
    }

    package func stop() async {
        quiet()
        await core.stop()
    }

    private func runLane() async {
        while let batch = await core.next(max: core.options.batch) {
            await core.inHand.run(batch) { [self] in await process(batch) }
        }
    }

    private func process(_ batch: LeaseBatch) async {
        core.updateInFlight()
        var known = batch.jobs
        var parked: [LeasedJob] = []
        if let kinds = handler.kinds {
            parked = known.filter { !kinds.contains($0.kind) }
            if !parked.isEmpty { known.removeAll { !kinds.contains($0.kind) } }
        }
        let begin = Loop.monotonicNanoseconds
        let report = await splitting(known) { try await self.handler.handle($0) }
        core.metrics.batchSeconds.observe(Double(Loop.monotonicNanoseconds - begin) / 1e9)
        if report.calls > 1 { core.metrics.splits.add(report.calls - 1) }
        if let error = report.storeError { core.storeFailed(error) } else if report.calls > 0 { core.storeSucceeded() }
        await core.settle(zip(known, report.results).map { ($0, $1) } + parked.map { ($0, core.parked($0)) })
    }
}
