import Core
import EventLoop
import Redis
import Telemetry

/// What the parts of a queue share: the connection, the keys, the counts, and the one way to run a script.
@Loop
final class QueueContext {
    let connection: RedisClient
    nonisolated let configuration: JobQueueConfiguration
    let keys: QueueKeys
    let metrics = QueueMetrics.shared
    let log = Log(component: "queue")
    let workerName: String
    private(set) lazy var feed = JobFeed(context: self)
    /// What is run instead of the scripts of these names: only in tests, and in processes with faults.
    var replacements: [String: RedisScript] = [:]

    private let replicated: ReplicatedEnqueues?
    private var nextReplicated = 0

    init(connection: RedisClient, configuration: JobQueueConfiguration, replicated: ReplicatedEnqueues? = nil) {
        self.connection = connection
        self.replicated = replicated
        self.configuration = configuration
        keys = QueueKeys(prefix: configuration.prefix, shardCount: configuration.shardCount)
        workerName = configuration.workerNameInRecords
    }

    var isReplicated: Bool { replicated != nil }

    /// How the enqueues of one flush go: those that are acknowledged to others over one of the connections that wait for
    /// replicas, where there are some.
    func way(isAcknowledged: Bool) -> EnqueueWay {
        guard isAcknowledged, let replicated else { return EnqueueWay(connection: connection, demand: nil) }
        nextReplicated = (nextReplicated + 1) % replicated.connections.count
        return EnqueueWay(connection: replicated.connections[nextReplicated], demand: replicated.demand)
    }

    var leaseMilliseconds: Int64 { configuration.lease.milliseconds }

    /// Runs a script on one queue of a shard.
    func run(
        _ script: RedisScript, _ queue: QueueName, shard: Int, _ arguments: [RedisArgument]
    ) async throws(QueueError) -> RedisValue {
        try await run(script, keys: keys.of(queue, shard: shard), arguments)
    }

    func run(
        _ script: RedisScript, keys: [String], _ arguments: [RedisArgument]
    ) async throws(QueueError) -> RedisValue {
        do throws(RedisError) {
            return try await connection.evaluate(asConfigured(script), keys: keys, arguments: arguments)
        } catch {
            throw QueueError(error)
        }
    }

    private func asConfigured(_ script: RedisScript) -> RedisScript {
        if configuration.faults.isEmpty, replacements.isEmpty { return script }
        if let replacement = replacements[script.name] { return replacement }
        let made = configuration.faults.applied(to: script)
        replacements[script.name] = made
        return made
    }

    /// A record that another release wrote, or damage: the job is left alone and said so.
    func reportUnreadable(_ id: String, _ queue: QueueName) {
        log.error("a job's record cannot be read", ["job.id": .string(id), "job.queue": .string(queue.rawValue)])
    }
}

extension QueueError {
    /// For an answer that has not the form its script's header promises.
    static func unexpected(_ script: RedisScript) -> QueueError { .failed("an unexpected answer of \(script.name)") }
}
