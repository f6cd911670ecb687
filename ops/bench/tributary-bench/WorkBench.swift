import EventLoop
import Fleet
import JobQueue

extension BenchCommand {
    static let work = BenchCommand(
        name: "work",
        usage:
            "--jobs N --counts FILE [--latencies FILE] [--queue commissions]; settings from the environment, until TERM"
    ) { options in
        try await CountedWork.run(options, try FleetConfiguration.load()) { _, counts in NoopHandler(counts: counts) }
    }
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
