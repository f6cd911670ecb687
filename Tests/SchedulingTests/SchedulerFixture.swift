import Core
import EventLoop
import JobQueue
import Ledger
import Postgres
import Redis
import Telemetry
import TestSupport

@testable import Scheduling

/// A database and a queue of their own, for any number of schedulers.
@Loop
final class SchedulerFixture {
    let pool: PostgresPool
    let queue: JobQueue
    /// PostgreSQL's clock, where a test sets it.
    var time: EpochMilliseconds?
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

    func scheduler(
        _ schedules: Schedule..., queue: JobQueue? = nil, log: Log = Log(component: "scheduler")
    ) -> Scheduler {
        Scheduler(schedules: schedules, pool: pool, queue: queue ?? self.queue, testClock: testClock, log: log)
    }

    var book: SlotBook { SlotBook(pool: pool, testClock: testClock) }

    private var testClock: (@Loop () -> EpochMilliseconds)? {
        guard time != nil else { return nil }
        return { [self] in time ?? Loop.wallClock }
    }

    /// A queue like the fixture's whose Redis does not answer.
    func queueThatIsAway() -> JobQueue {
        JobQueue(
            connection: RedisClient(connection.configuration, purpose: "away"), configuration: queue.configuration)
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

    /// Jobs that owed rows stand for.
    func owedCount() async throws -> Int64 {
        try await pool.query(
            PostgresStatement("test_owed_jobs", "SELECT count(*) FROM schedule_runs WHERE owed_job IS NOT NULL"))[0]
            .int(0)
    }

    /// The jobs that wait in the shard of a key, the next one first.
    func readyIDs(of shardKey: String = "test") async throws -> [String] {
        let shard = queue.configuration.shard(of: shardKey)
        let ids =
            try await connection.command([
                "LRANGE", "\(queue.configuration.prefix):{\(shard)}:batches:ready", "0", "-1",
            ]).array ?? []
        return ids.compactMap(\.string).filter { $0.hasPrefix(shardKey + ".") }
    }

    /// Runs whatever waits in queue `batches`, as a worker whose jobs all succeed; answers the jobs in the order of their runs.
    @discardableResult
    func completeAll() async throws -> [String] {
        var ids: [String] = []
        for shard in 0..<queue.configuration.shardCount {
            while let batch = try await queue.lease(.batches, shard: shard, max: 500, mayTakeAlone: true).batch {
                ids += batch.jobs.map(\.id)
                _ = try await queue.complete(batch.jobs)
            }
        }
        return ids
    }
}
