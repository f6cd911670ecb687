import EventLoop
import Fleet
import JobQueue
import Redis

extension BenchCommand {
    static let enqueue = BenchCommand(
        name: "enqueue",
        usage:
            "--jobs N [--first 0] [--together 1] [--callers 1] [--queue commissions] [--feature none|priorities|lifetime|unique|order-keys|order]"
    ) { options in
        let bench = try await EnqueueBench(options)
        print(try await bench.run())
    }

    static let load = BenchCommand(
        name: "load", usage: "--rate JOBS_A_SECOND [--seconds 10] [--queue commissions]"
    ) { options in
        let bench = try await EnqueueBench(options)
        print(
            try await bench.load(
                rate: try options.number("rate", or: 1000), seconds: try options.number("seconds", or: 10)))
    }
}

/// A producer: counts a job when Redis has answered that it was added.
@Loop
private final class EnqueueBench {
    private let queue: JobQueue
    private let name: QueueName
    private let feature: QueueBench.Feature
    private let jobs: Int
    private let first: Int
    /// Jobs of one call.
    private let together: Int
    /// Calls that may wait for their answer at the same time.
    private let callers: Int
    private var next = 0
    private var added = 0
    private var others = 0
    private var lastAnswer: Int64 = 0
    private var problem: (any Error)?

    init(_ options: BenchOptions) async throws {
        name = try QueueBench.queueName(options)
        feature = try QueueBench.feature(options)
        jobs = try options.number("jobs", or: 100_000)
        first = try options.number("first", or: 0)
        together = try options.number("together", or: 1)
        callers = try options.number("callers", or: 1)
        let configuration = try FleetConfiguration.load()
        let connection = RedisClient(configuration.redis, purpose: "bench")
        queue = JobQueue(connection: connection, configuration: configuration.queue)
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
    }

    /// Closed loop: each caller enqueues again as soon as it was answered.
    func run() async throws -> String {
        let cpuBefore = QueueBench.processorSeconds
        let begin = Loop.monotonicNanoseconds
        let tasks = (0..<callers).map { _ in Task { @Loop in await call() } }
        for task in tasks { await task.value }
        if let problem { throw problem }
        return result(from: begin, cpu: QueueBench.processorSeconds - cpuBefore)
    }

    private func call() async {
        while next < jobs, problem == nil {
            let start = next
            next = min(jobs, next + together)
            await send((start..<next).map { QueueBench.job(first + $0, queue: name, feature: feature) })
        }
    }

    private func send(_ new: [NewJob]) async {
        do throws(QueueError) {
            for outcome in try await queue.enqueue(new) {
                if case .added = outcome { added += 1 } else { others += 1 }
            }
            lastAnswer = Loop.monotonicNanoseconds
        } catch {
            problem = error
        }
    }

    /// Open loop: each job has its moment, whatever became of those before it, and carries that moment in its payload.
    /// A tick of about a millisecond sends what has come due.
    func load(rate: Int, seconds: Int) async throws -> String {
        let cpuBefore = QueueBench.processorSeconds
        let begin = Loop.monotonicNanoseconds
        let interval = 1e9 / Double(rate)
        let count = rate * seconds
        var calls: [Task<Void, Never>] = []
        while next < count, problem == nil {
            let due = min(count, Int(Double(Loop.monotonicNanoseconds - begin) / interval) + 1)
            if due > next {
                let new = (next..<due).map { number in
                    QueueBench.job(
                        first + number, queue: name, stamp: begin + Int64(Double(number) * interval))
                }
                next = due
                calls.append(Task { @Loop in await send(new) })
            }
            try await Loop.sleep(for: .milliseconds(1))  // the grain of the open load
        }
        for call in calls { await call.value }
        if let problem { throw problem }
        return result(from: begin, cpu: QueueBench.processorSeconds - cpuBefore)
    }

    private func result(from begin: Int64, cpu: Double) -> String {
        """
        {"added": \(added), "not_added": \(others), "begin": \(Double(begin) / 1e9), \
        "seconds": \(Double(lastAnswer - begin) / 1e9), "cpu_seconds": \(cpu)}
        """
    }
}
