import Bookkeeping
import Core
import EventLoop
import Fleet
import Ledger
import Notifications
import Postgres
import Redis
import TestSupport

@testable import JobQueue

/// Books and queues of their own on real stores, and workers over them as the executables have them.
@Loop
final class BooksFixture {
    let pool: PostgresPool
    let queue: JobQueue
    let book: OrderBook
    let configuration: PostgresConfiguration
    private let redis: PrivateRedis
    private var connections: [RedisClient]
    private var workers: [Worker] = []
    private var leased: [LeasedJob] = []
    private var pools: [PostgresPool]

    /// - Parameters:
    ///   - redis: a server of the test's own, where it loses its data; the shared one otherwise.
    ///   - port: where PostgreSQL is reached, such as a proxy's; the shared server's own otherwise.
    static func run(
        redis: PrivateRedis? = nil, port: Int? = nil, queue configure: (inout JobQueueConfiguration) -> Void = { _ in },
        _ body: @Loop (BooksFixture) async throws -> Void
    ) async throws {
        let postgres = try await TestServers.postgres
        var configuration = try PostgresConfiguration(url: postgres.url)
        configuration.schema = uniqueName("books")
        if let port { configuration.address = .ip("127.0.0.1", port: port) }
        configuration.connectTimeout = .seconds(10)
        let server = if let redis { redis } else { try await TestServers.redis }
        let fixture = try BooksFixture(configuration, server, configure)
        do {
            try await fixture.start()
            try await body(fixture)
        } catch {
            await fixture.stop()
            throw error
        }
        await fixture.stop()
    }

    private init(
        _ configuration: PostgresConfiguration, _ redis: PrivateRedis,
        _ configure: (inout JobQueueConfiguration) -> Void
    ) throws {
        self.configuration = configuration
        self.redis = redis
        pool = PostgresPool(configuration)
        pools = [pool]
        book = OrderBook(pool: pool)
        let connection = RedisClient(
            try RedisConfiguration(host: redis.host, port: redis.port), purpose: "queue")
        connections = [connection]
        var settings = JobQueueConfiguration()
        settings.prefix = uniqueName("books")
        settings.shardCount = 2
        settings.workerName = "test"
        configure(&settings)
        queue = JobQueue(connection: connection, configuration: settings)
    }

    private func start() async throws {
        pool.start()
        connections[0].start()
        try await pool.waitUntilReady(within: .seconds(10))
        try await connections[0].waitUntilReady(within: .seconds(10))
        _ = try await Migrator(pool: pool).migrate()
        try await pool.executeScript(
            """
            INSERT INTO partners (id, programme, referral_code, name, tier) VALUES
                ('\(partner)', 'default', 'PARTNER001', 'First', 'gold'),
                ('\(rival)', 'default', 'PARTNER002', 'Second', 'silver');
            INSERT INTO commission_policies (id, programme, policy_code, name, policy_type, priority, commission, valid_from,
                                             valid_until, created_at)
            VALUES ('\(uuid(100))', 'default', 'STANDARD', 'Standard', 'BASE', 10, '{"kind":"percentage","ppm":100000}',
                    '2020-01-01Z', '2100-01-01Z', '2020-01-01Z');
            INSERT INTO webhook_endpoints (id, programme, partner_id, url, event_types, secret, secret_key_id)
            VALUES ('\(endpoint)', 'default', '\(partner)', 'https://partner.example/', '{commission.*}', '', 'k1')
            """)
    }

    private func stop() async {
        abandon(leased)
        for worker in workers { await worker.stop() }
        for connection in connections { connection.close() }
        for pool in pools { await pool.close() }
    }

    /// The same tables through connections of their own.
    func anotherPool(_ configure: (inout PostgresConfiguration) -> Void = { _ in }) -> PostgresPool {
        var other = configuration
        configure(&other)
        let pool = PostgresPool(other)
        pool.start()
        pools.append(pool)
        return pool
    }

    // MARK: Workers

    /// Starts a worker as an executable does.
    @discardableResult
    func work(
        _ name: QueueName, _ handler: any JobHandler, recorder: (any DeadLetterRecorder)? = nil,
        options: WorkerOptions = WorkerOptions()
    ) throws -> Worker {
        let wake = RedisClient(
            try RedisConfiguration(host: redis.host, port: redis.port), purpose: "wake-\(name.rawValue)")
        wake.start()
        connections.append(wake)
        let worker = Worker(
            name, source: LeaseSource(queue: queue, name: name, wakeConnection: wake), settler: queue, handler: handler,
            recorder: recorder, options: options)
        worker.start()
        workers.append(worker)
        return worker
    }

    /// The workers of conversions and commissions, which bring events to money.
    func workOrders() throws {
        try work(.conversions, ConversionHandler(book: book, pool: pool))
        try work(.commissions, CommissionHandler(book: book), recorder: OwedRows(pool: pool))
    }

    func enqueue(_ envelopes: EventEnvelope...) async throws {
        _ = try await queue.enqueue(envelopes.map(NewJob.event))
    }

    /// Leases what a worker would, of whichever shard has some.
    func lease(_ name: QueueName, max: Int = 100) async throws -> [LeasedJob] {
        var jobs: [LeasedJob] = []
        for shard in 0..<queue.configuration.shardCount {
            let answer = try await queue.lease(name, shard: shard, max: max, mayTakeAlone: true)
            jobs += answer.batch?.jobs ?? []
        }
        leased += jobs
        return jobs
    }

    /// As a worker that was killed: its leases get no heartbeat any more.
    func abandon(_ jobs: [LeasedJob]) {
        for job in jobs { queue.held.release(job.lease, jobCount: 1) }
    }

    /// Jobs of a queue that are neither done nor dead.
    func depth(_ name: QueueName) async throws -> Int {
        let sum = try await queue.stats(name).sum
        return sum.ready + sum.suspects + sum.scheduled + sum.leased
    }

    func forgetEverything() async throws { _ = try await connections[0].command(["FLUSHALL"]) }

    // MARK: What the tables say

    /// The first column of the first row of a statement without parameters.
    func number(_ sql: String) async throws -> Int64 {
        try await pool.query(PostgresStatement("test_number", sql))[0].int(0)
    }

    func texts(_ sql: String) async throws -> [String] {
        try await pool.query(PostgresStatement("test_texts", sql)).map { try $0.text(0) }
    }

    /// `status amount` of every commission, by its order.
    func commissions() async throws -> [String] {
        try await texts(
            """
            SELECT concat_ws(' ', external_order_id, status, commission_amount) FROM partner_commissions
            ORDER BY external_order_id, partner_id
            """)
    }

    func clock() async throws -> EpochMilliseconds {
        try await pool.query(PostgresStatement("test_clock", "SELECT clock_timestamp()"))[0].timestamp(0)
    }

    func instant(_ sql: String) async throws -> EpochMilliseconds {
        try await pool.query(PostgresStatement("test_instant", sql))[0].timestamp(0)
    }
}
