import Core
import Crypto
import EventLoop
import Fleet
import HTTPClient
import HTTPServer
import JobQueue
import Ledger
import Postgres
import Redis
import TestSupport

@testable import Webhooks

/// One endpoint of one partner, and a whole delivery worker on real stores, kept apart by schema and key prefix.
@Loop
final class DeliveryFixture {
    let pool: PostgresPool
    let queue: JobQueue
    let receiver: Receiver
    let sealer = SecretSealer(key: Secret(randomBytes(32)), keyID: "1")
    let book: WebhookBook
    let partnerID = UUID.version7(at: Loop.wallClock)
    private(set) var endpointID = UUID.version7(at: Loop.wallClock)
    private(set) var secret = WebhookSecret.issue()
    private let redis: PrivateRedis
    private var connections: [RedisClient]
    private var worker: StreamingWorker?
    private var client: HTTPClient?
    private(set) var isStopping = false

    /// What the worker says of deliveries that died.
    let deaths = Deaths()

    @Loop final class Deaths: DeadLetterRecorder {
        private(set) var ends: [JobEnd] = []
        func record(_ ends: [JobEnd]) async throws { self.ends += ends }
    }

    static let body = Array(#"{"event":"commission.created","data":{"name":"é"}}"#.utf8)

    /// Runs `body` with a fixture whose receiver gives these answers, and ends everything after it.
    static func run(
        answers: [HTTPResponse] = [HTTPResponse(status: 200)], faults: WebhookFaults = [],
        _ body: @Loop (DeliveryFixture) async throws -> Void
    ) async throws {
        var configuration = try PostgresConfiguration(url: try await TestServers.postgres.url)
        configuration.schema = uniqueName("hooks")
        let fixture = try await DeliveryFixture(
            PostgresPool(configuration), Receiver(answers), TestServers.redis, faults)
        do {
            try await fixture.addEndpoint()
            try await body(fixture)
        } catch {
            await fixture.stop()
            throw error
        }
        await fixture.stop()
    }

    private init(
        _ pool: PostgresPool, _ receiver: Receiver, _ redis: PrivateRedis, _ faults: WebhookFaults
    ) async throws {
        self.pool = pool
        self.receiver = receiver
        self.redis = redis
        book = WebhookBook(pool: pool, faults: faults)
        var configuration = JobQueueConfiguration()
        configuration.prefix = uniqueName("hooks")
        configuration.shardCount = 2
        configuration.workerName = "test"
        let connection = try Self.connection(redis, "queue")
        connections = [connection]
        queue = JobQueue(connection: connection, configuration: configuration)
        pool.start()
        try await pool.waitUntilReady(within: .seconds(10))
        try await connection.waitUntilReady(within: .seconds(10))
        _ = try await Migrator(pool: pool).migrate()
        _ = try await pool.query(
            PostgresStatement(
                "test_partner",
                "INSERT INTO partners (id, programme, referral_code, name) VALUES ($1, 'default', 'CODE', 'Partner')"),
            [.uuid(partnerID)])
    }

    private func addEndpoint() async throws {
        (endpointID, secret) = try await WebhookEndpoints.add(
            pool, programme: "default", partnerID: partnerID, url: receiver.url, sealer: sealer)
    }

    /// Another endpoint of the same partner.
    func addEndpoint(url: String) async throws -> UUID {
        try await WebhookEndpoints.add(
            pool, programme: "default", partnerID: partnerID, url: url, timeout: .seconds(30), sealer: sealer
        ).id
    }

    private static func connection(_ redis: PrivateRedis, _ purpose: String) throws -> RedisClient {
        let connection = RedisClient(
            try RedisConfiguration(host: redis.host, port: redis.port), purpose: purpose)
        connection.start()
        return connection
    }

    /// Starts the worker; retries come after milliseconds unless a test says otherwise.
    func startWorker(
        schedule: DeliverySchedule = DeliverySchedule(waits: [.zero, .milliseconds(5), .milliseconds(5)]),
        allowing: [String] = ["127.0.0.0/8"], window: Int = 64, endpointWindow: Int = 64
    ) throws {
        let client = HTTPClient(DeliveryClient.configuration(allowing: allowing, allowsHTTP: true, window: window))
        self.client = client
        let wake = try Self.connection(redis, "wake")
        connections.append(wake)
        let worker = StreamingWorker(
            .webhooks, source: LeaseSource(queue: queue, name: .webhooks, wakeConnection: wake), settler: queue,
            runner: DeliveryWorker(
                book: book, client: client, sealer: sealer, schedule: schedule, window: window,
                endpointWindow: endpointWindow, deaths: deaths),
            recorder: DeliveryEnds(book: book), options: WorkerOptions(concurrency: window))
        worker.start()
        self.worker = worker
    }

    /// Ends the worker as a process does that is told to stop; its attempts are cancelled when this first waits.
    func stopWorker() async {
        isStopping = true
        await worker?.stop()
        worker = nil
    }

    private func stop() async {
        await worker?.stop()
        client?.close()
        for connection in connections { connection.close() }
        await receiver.stop()
        await pool.close()
    }

    /// Writes an event with an owed delivery, as the ledger does.
    func owe(status: String = "owed", to endpoint: UUID? = nil) async throws -> UUID {
        let id = UUID.version7(at: Loop.wallClock)
        _ = try await pool.query(
            PostgresStatement(
                "test_delivery",
                """
                WITH event AS (
                    INSERT INTO webhook_events (id, programme, partner_id, type, body)
                    VALUES ('msg_' || $1::text, 'default', $2, 'commission.created', $3) RETURNING id)
                INSERT INTO webhook_deliveries (id, event_id, endpoint_id, status) SELECT $1, id, $4, $5 FROM event
                """), [.uuid(id), .uuid(partnerID), .bytes(Self.body), .uuid(endpoint ?? endpointID), .text(status)])
        return id
    }

    func enqueue(_ deliveryID: UUID, attempt: Int = 0, endpoint: UUID? = nil) async throws {
        _ = try await queue.enqueue(
            DeliveryJob.make(deliveryID, endpointID: endpoint ?? endpointID, attempt: attempt))
    }

    /// Of the job that stands for the attempt after `attempt` ones; `nil` once it has completed.
    func jobState(_ deliveryID: UUID, attempt: Int = 0) async throws -> JobState? {
        try await queue.find(DeliveryJob.id(deliveryID, attempt: attempt), in: .webhooks)?.state
    }

    /// `status attempt reason` of the row.
    func state(_ deliveryID: UUID) async throws -> String {
        let row = try await pool.query(
            PostgresStatement(
                "test_state",
                "SELECT concat_ws(' ', status, attempt, end_reason) FROM webhook_deliveries WHERE id = $1"),
            [.uuid(deliveryID)])
        return try row[0].text(0)
    }

    func untilState(_ deliveryID: UUID, _ state: String) async throws {
        do {
            try await eventually { try await self.state(deliveryID) == state }
        } catch {
            throw TestSupportError("it is '\(try await self.state(deliveryID))', not '\(state)'")
        }
    }

    /// `attempt:class:status:finished` of each attempt's row.
    func attempts(_ deliveryID: UUID) async throws -> [String] {
        let rows = try await pool.query(
            PostgresStatement(
                "test_attempts",
                """
                SELECT concat(attempt, ':', coalesce(class, '-'), ':', coalesce(http_status::text, '-'), ':',
                              finished_at IS NOT NULL)
                FROM webhook_attempts WHERE delivery_id = $1 ORDER BY attempt, fence
                """), [.uuid(deliveryID)])
        return try rows.map { try $0.text(0) }
    }

    func endpoint() async throws -> WebhookEndpoint {
        guard let endpoint = try await WebhookEndpoints.list(pool, partnerID: partnerID).first else {
            throw TestSupportError("the endpoint is gone")
        }
        return endpoint
    }
}
