import Core
import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// A queue of its own on a real Redis: one shard unless a test asks for more, kept apart by its prefix.
@Loop
struct QueueFixture {
    let redis: PrivateRedis
    let connection: RedisClient
    let queue: JobQueue
    let configuration: JobQueueConfiguration

    /// On the shared Redis, or on one that the test may stop and restart.
    static func make(
        on redis: PrivateRedis? = nil, _ configure: (inout JobQueueConfiguration) -> Void = { _ in }
    ) async throws -> QueueFixture {
        let server = if let redis { redis } else { try await TestServers.redis }
        var configuration = JobQueueConfiguration()
        configuration.prefix = uniqueName("queue")
        configuration.shardCount = 1
        configuration.workerName = "worker-1"
        configure(&configuration)
        return try await QueueFixture(redis: server, configuration: configuration)
    }

    private init(redis: PrivateRedis, configuration: JobQueueConfiguration) async throws {
        self.redis = redis
        self.configuration = configuration
        connection = try await Self.connect(to: redis, purpose: "test")
        queue = JobQueue(connection: connection, configuration: configuration)
    }

    /// Another process' view of the same queue.
    func another(_ configure: (inout JobQueueConfiguration) -> Void = { _ in }) async throws -> QueueFixture {
        var configuration = configuration
        configuration.workerName = "worker-2"
        configure(&configuration)
        return try await QueueFixture(redis: redis, configuration: configuration)
    }

    static func connect(to redis: PrivateRedis, purpose: String, clientName: String? = nil) async throws
        -> RedisClient
    {
        var configuration = try RedisConfiguration(host: redis.host, port: redis.port)
        if let clientName { configuration.clientName = clientName }
        let connection = RedisClient(configuration, purpose: purpose)
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
        return connection
    }

    func key(_ suffix: String, _ name: QueueName = .webhooks, shard: Int = 0) -> RedisArgument {
        .string("\(configuration.prefix):{\(shard)}:\(name.rawValue):\(suffix)")
    }

    func strings(_ command: RedisArgument...) async throws -> [String] {
        try await connection.command(command).array?.compactMap(\.string) ?? []
    }

    func integer(_ command: RedisArgument...) async throws -> Int64? {
        try await connection.command(command).integer
    }

    /// Leases, as a worker that holds nothing would.
    func lease(_ name: QueueName = .webhooks, max: Int = 100, alone: Bool = true) async throws -> LeaseBatch? {
        try await queue.lease(name, shard: 0, max: max, mayTakeAlone: alone).batch
    }

    /// Looks until the queue is in the wanted state; its leases expire and its delays pass meanwhile.
    func tickUntil(
        _ name: QueueName = .webhooks, _ condition: (LeaseAnswer) -> Bool, line: Int = #line
    ) async throws {
        let deadline = Loop.monotonicMilliseconds + 10_000
        while !condition(try await queue.tick(name, shard: 0)) {
            guard Loop.monotonicMilliseconds < deadline else {
                throw TestSupportError("the queue did not get there in 10 s (line \(line))")
            }
        }
    }

    /// How often this Redis has run a command, and for how long altogether.
    struct CommandStat {
        let calls: Int
        let microseconds: Int
    }

    /// By the commands' names, those within scripts too.
    func commandStats() async throws -> [String: CommandStat] {
        // Such as `cmdstat_hget:calls=2,usec=7,usec_per_call=3.50,rejected_calls=0,failed_calls=0`.
        let info = try await connection.command(["INFO", "commandstats"]).string ?? ""
        var stats: [String: CommandStat] = [:]
        for line in info.split(separator: "\r\n") where line.hasPrefix("cmdstat_") {
            let parts = line.split { $0 == ":" || $0 == "=" || $0 == "," }
            guard parts.count > 4, let calls = Int(parts[2]), let microseconds = Int(parts[4]) else {
                throw TestSupportError("no statistics of a command: \(line)")
            }
            stats[String(parts[0].dropFirst("cmdstat_".count))] = CommandStat(calls: calls, microseconds: microseconds)
        }
        return stats
    }

    /// Whether the last rewrite of the append-only file is over, and went well.
    func isFileRewritten() async throws -> Bool {
        let persistence = try await connection.command(["INFO", "persistence"]).string ?? ""
        return persistence.contains("aof_rewrite_in_progress:0") && persistence.contains("aof_rewrite_scheduled:0")
            && persistence.contains("aof_last_bgrewrite_status:ok")
    }

    /// The writes Redis has seen, to prove that something writes nothing.
    func writes() async throws -> Int64 {
        let info = try await connection.command(["INFO", "persistence"]).string ?? ""
        let line = info.split(separator: "\r\n").first { $0.hasPrefix("rdb_changes_since_last_save:") }
        return line.flatMap { Int64($0.drop { $0 != ":" }.dropFirst()) } ?? -1
    }
}

extension NewJob {
    static func test(
        _ id: String, _ queue: QueueName = .webhooks, payload: String = "payload", delay: Duration = .zero,
        maxAttempts: Int = 10, shardKey: String = "key", priority: PriorityBand = .normal, lifetime: Duration? = nil,
        unique: UniqueKey? = nil, orderKey: String? = nil, limit: KeyLimit? = nil, batch: String? = nil
    ) -> NewJob {
        NewJob(
            id: id, queue: queue, kind: "test.v1", payload: Array(payload.utf8), shardKey: shardKey, delay: delay,
            maxAttempts: maxAttempts, priority: priority, lifetime: lifetime, unique: unique,
            orderKey: orderKey, limit: limit, batch: batch)
    }

    static func tests(_ count: Int, _ queue: QueueName = .webhooks) -> [NewJob] {
        (0..<count).map { .test("job-\($0)", queue) }
    }
}
