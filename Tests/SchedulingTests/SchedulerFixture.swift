import Core
import EventLoop
import JobQueue
import Ledger
import Postgres
import Redis
import TestSupport

@testable import Scheduling

/// A database and a queue of their own, for any number of schedulers.
@Loop
final class SchedulerFixture {
    let pool: PostgresPool
    let queue: JobQueue
    private let connection: RedisClient

    static func run(_ body: @Loop (SchedulerFixture) async throws -> Void) async throws {
        var configuration = try PostgresConfiguration(url: try await TestServers.postgres.url)
        configuration.schema = uniqueName("schedules")
        let redis = try await TestServers.redis
        let fixture = SchedulerFixture(
            PostgresPool(configuration), try RedisConfiguration(host: redis.host, port: redis.port))
        do {
            try await fixture.start()
            try await body(fixture)
        } catch {
            await fixture.stop()
            throw error
        }
        await fixture.stop()
    }

    private init(_ pool: PostgresPool, _ redis: RedisConfiguration) {
        self.pool = pool
        connection = RedisClient(redis, purpose: "queue")
        var configuration = JobQueueConfiguration()
        configuration.prefix = uniqueName("schedules")
        configuration.shardCount = 2
        configuration.workerName = "test"
        queue = JobQueue(connection: connection, configuration: configuration)
    }

    private func start() async throws {
        pool.start()
        connection.start()
        try await pool.waitUntilReady(within: .seconds(10))
        try await connection.waitUntilReady(within: .seconds(10))
        _ = try await Migrator(pool: pool).migrate()
    }

    private func stop() async {
        connection.close()
        await pool.close()
    }

    func scheduler(_ schedules: Schedule...) throws -> Scheduler {
        try Scheduler(schedules: schedules, pool: pool, queue: queue)
    }

    func stopConnection() { connection.close() }

    func clock() async throws -> EpochMilliseconds {
        try await pool.query(PostgresStatement("test_clock", "SELECT clock_timestamp()"))[0].timestamp(0)
    }

    /// Writes that the slot fired: the schedulers go on from here.
    func lastFired(_ schedule: Schedule, _ instant: EpochMilliseconds) async throws {
        _ = try await pool.query(
            PostgresStatement("test_fired", "INSERT INTO schedule_runs (schedule, slot) VALUES ($1, $2)"),
            [.text(schedule.name), .timestamp(instant)])
    }

    func firedSlots(_ schedule: Schedule) async throws -> [EpochMilliseconds] {
        try await pool.query(
            PostgresStatement("test_slots", "SELECT slot FROM schedule_runs WHERE schedule = $1 ORDER BY slot"),
            [.text(schedule.name)]
        ).map { try $0.timestamp(0) }
    }

    func runDates() async throws -> [String] {
        try await pool.query(
            PostgresStatement("test_runs", "SELECT business_date FROM batch_runs ORDER BY business_date")
        ).map { try $0.date(0).description }
    }
}
