import Core
import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// Producers that never rest, and what they were told: for tests that end a Redis in the middle of it.
@Loop
final class FailoverLoad {
    private let queue: JobQueue
    private let name: QueueName
    private(set) var acknowledged: Set<String> = []
    private(set) var refusals = 0
    private(set) var isStopping = false
    private var tasks: [Task<Void, any Error>] = []
    private var nextNumber = 0

    init(_ queue: JobQueue, _ name: QueueName = .webhooks) {
        self.queue = queue
        self.name = name
    }

    /// Begins. A job whose enqueue failed is not tried again: only what was acknowledged counts.
    func start(producers: Int = 8) {
        tasks = (0..<producers).map { _ in
            Task { @Loop [self] in
                while !isStopping {
                    nextNumber += 1
                    let id = "job-\(nextNumber)"
                    do throws(QueueError) {
                        if try await queue.enqueue(.test(id, name, shardKey: id)) == .added { acknowledged.insert(id) }
                    } catch {
                        guard error.isUnreachableStore else { throw error }
                        refusals += 1
                        // As a caller that was answered 503 comes again later.
                        try await Loop.sleep(for: .milliseconds(5))
                    }
                }
            }
        }
    }

    /// Returns when so many more were acknowledged than now.
    func acknowledges(_ count: Int) async throws {
        let wanted = acknowledged.count + count
        try await eventually(within: .seconds(60)) { self.acknowledged.count >= wanted }
    }

    func stop() async throws {
        isStopping = true
        for task in tasks { try await task.value }
    }
}

extension JobQueue {
    /// Leases and completes whatever is ready, in all shards; repeats itself over a failover.
    func drain(_ name: QueueName = .webhooks) async throws -> [String] {
        var ids: [String] = []
        for shard in 0..<configuration.shardCount {
            while let batch = try await leaseSoon(name, shard: shard) {
                let settlement = try await complete(batch.jobs)
                let stale = Set(settlement.stale)
                ids += batch.jobs.map(\.id).filter { !stale.contains($0) }
            }
        }
        return ids
    }

    private func leaseSoon(_ name: QueueName, shard: Int) async throws -> LeaseBatch? {
        let giveUpAt = Loop.monotonicMilliseconds + 30_000
        while true {
            do throws(QueueError) {
                return try await lease(name, shard: shard, max: 500, mayTakeAlone: true).batch
            } catch {
                guard error.isUnreachableStore, Loop.monotonicMilliseconds < giveUpAt else { throw error }
                try await Loop.sleep(for: .milliseconds(5))
            }
        }
    }
}

/// A queue with clients of its own, one of several processes' views.
@Loop
struct TopologyQueue {
    let queue: JobQueue
    let client: RedisClient
    private let others: [RedisClient]

    static func make(
        _ redis: RedisConfiguration, prefix: String, shardCount: Int = 16, lease: Duration = .seconds(15),
        replicas: ReplicaDemand? = nil
    ) async throws -> TopologyQueue {
        var configuration = JobQueueConfiguration()
        configuration.prefix = prefix
        configuration.shardCount = shardCount
        configuration.lease = lease
        configuration.workerName = "worker-1"
        var redis = redis
        redis.replyTimeout = .seconds(2)
        redis.reconnectWaitMax = .milliseconds(200)
        let client = RedisClient(redis, purpose: "queue")
        let waiting = replicas.map { _ in (0..<4).map { RedisClient(redis, purpose: "enqueue-\($0)") } } ?? []
        for each in [client] + waiting { each.start() }
        for each in [client] + waiting { try await each.waitUntilReady(within: .seconds(20)) }
        return TopologyQueue(
            queue: JobQueue(
                connection: client, configuration: configuration,
                replicated: replicas.map { ReplicatedEnqueues($0, connections: waiting) }), client: client,
            others: waiting)
    }

    func close() { for each in [client] + others { each.close() } }
}
