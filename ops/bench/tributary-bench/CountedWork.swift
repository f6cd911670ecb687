import EventLoop
import Fleet
import JobQueue

/// A worker process as the fleet has it, but that its acknowledgements are counted; works until TERM and prints the counts.
@Loop
enum CountedWork {
    /// - Parameter makeHandler: called when the stores answer.
    static func run(
        _ options: BenchOptions, _ configuration: FleetConfiguration,
        _ makeHandler: @escaping @Loop (FleetProcess, WorkCounts) -> any JobHandler
    ) async throws {
        let counts = WorkCounts(jobs: try options.number("jobs", or: 1))
        let name = try QueueBench.queueName(options)
        let process = FleetProcess("tributary-bench", configuration) { fleet in
            fleet.add(
                Worker(
                    name,
                    source: LeaseSource(
                        queue: fleet.queue, name: name,
                        wakeConnection: fleet.redisConnection(purpose: "wake-\(name.rawValue)")),
                    settler: CountingSettler(queue: fleet.queue, counts: counts), handler: makeHandler(fleet, counts),
                    options: WorkerOptions(
                        concurrency: fleet.configuration.concurrency ?? 2, batch: fleet.configuration.batch)))
        }
        let code = await process.run()
        guard code == .success else {
            throw BenchOptions.Problem(description: "the worker ended with code \(code.rawValue)")
        }
        try counts.write(counts: try options.text("counts"), latencies: options.text("latencies", or: ""))
        print(counts.line)
    }
}
