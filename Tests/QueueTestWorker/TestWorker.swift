import EventLoop
import JobQueue
import Redis

/// Works off two queues until it is killed, and keeps a ledger in another Redis, which nobody kills.
///
/// For each job it says `began` (a list of "id fence"), then does the job's effect, which the ledger takes once for each id
/// (`effects`, a hash of id -> runs), waits for a token of `gate` where it was told to, acknowledges, and says what came of
/// it: `acknowledged` or `stale`, hashes of id -> how often. A job of the first queue has one follow-up in the second.
@Loop
struct TestWorker {
    private let queue: JobQueue
    private let sources: [LeaseSource]
    private let ledger: RedisClient
    private let isGated: Bool

    /// - Parameter arguments: port of the queue's Redis, port of the ledger's, prefix, lease in ms, name, `gated` or `free`.
    static func run(_ arguments: [String]) async -> Int32 {
        do {
            let worker = try await TestWorker(arguments)
            for source in worker.sources { source.start() }
            let loops = worker.sources.map { source in Task { @Loop in try await worker.work(source) } }
            for loop in loops { try await loop.value }
            return 0
        } catch {
            print("\(error)")
            return 1
        }
    }

    private init(_ arguments: [String]) async throws {
        guard arguments.count == 6, let port = Int(arguments[0]), let ledgerPort = Int(arguments[1]),
            let lease = Int(arguments[3])
        else { throw RedisError(.configuration, "unknown arguments: \(arguments)") }
        func connect(_ port: Int, _ purpose: String) throws -> RedisClient {
            var configuration = try RedisConfiguration(port: port)
            configuration.reconnectWaitMax = .milliseconds(200)
            let connection = RedisClient(configuration, purpose: purpose)
            connection.start()
            return connection
        }
        var configuration = JobQueueConfiguration()
        configuration.prefix = arguments[2]
        configuration.shardCount = 2
        configuration.lease = .milliseconds(lease)
        // Those of the test's kills are many, and no job's fault.
        configuration.crashesMax = 100
        configuration.workerName = arguments[4]
        isGated = arguments[5] == "gated"
        let queue = JobQueue(connection: try connect(port, "queue"), configuration: configuration)
        self.queue = queue
        sources = try [QueueName.webhooks, .notifications].map { name in
            LeaseSource(queue: queue, name: name, wakeConnection: try connect(port, "wake-\(name.rawValue)"))
        }
        ledger = try connect(ledgerPort, "ledger")
        try await ledger.waitUntilReady(within: .seconds(10))
    }

    private func work(_ source: LeaseSource) async throws {
        while let batch = await source.next(max: 20) {
            _ = try await ledger.command(
                ["RPUSH", "began"] + batch.jobs.map { .string("\($0.id) \($0.fence)") })
            for job in batch.jobs { try await count("effects", job.id) }
            if isGated { _ = try await ledger.command(["BLPOP", "gate", 0], replyTimeout: .seconds(3600)) }
            let verdicts = batch.jobs.map { job -> (job: LeasedJob, verdict: JobVerdict) in
                (job, .complete(followUps: job.queue == .webhooks ? [Self.followUp(of: job)] : []))
            }
            let settlement: Settlement
            do throws(QueueError) {
                settlement = try await queue.settle(verdicts)
            } catch {
                // Their leases expire, and they run again.
                continue
            }
            let stale = Set(settlement.stale)
            for job in batch.jobs { try await count(stale.contains(job.id) ? "stale" : "acknowledged", job.id) }
        }
    }

    private func count(_ hash: RedisArgument, _ id: String) async throws {
        _ = try await ledger.command(["HINCRBY", hash, .string(id), 1])
    }

    /// The id is derived, so that the step is the same job whoever enqueues it.
    static func followUp(of job: LeasedJob) -> NewJob {
        NewJob(
            id: "next-\(job.id)", queue: .notifications, kind: job.kind, payload: job.payload,
            shardKey: "next-\(job.id)")
    }
}
