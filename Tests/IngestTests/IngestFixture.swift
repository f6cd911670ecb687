import Core
import Crypto
import EventLoop
import Fleet
import Glibc
import JobQueue
import Ledger
import Postgres
import Redis
import TestSupport

@testable import Ingest

/// A whole ingest of its own: a schema of PostgreSQL, a prefix in Redis, and the real server on a free port.
@Loop
final class IngestFixture {
    let redis: PrivateRedis
    let connection: RedisClient
    let pool: PostgresPool
    let queue: JobQueue
    let service: IngestService
    let prefix: String
    static let masterKey = [UInt8](repeating: 7, count: 32)
    static let privacyKey = [UInt8](repeating: 9, count: 32)
    static let browser =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"

    /// - Parameters:
    ///   - redis: the shared one, or one that the test may stop.
    ///   - publish: whether a directory is there at the start.
    ///   - lengthMax: jobs that queues may have; no limit by default.
    static func make(
        on redis: PrivateRedis? = nil, publish: Bool = true, lengthMax: [QueueName: Int] = [:],
        seed: @Loop (IngestFixture) async throws -> Void = { _ in },
        configure: (inout IngestConfiguration) -> Void = { _ in }
    ) async throws -> IngestFixture {
        let server = if let redis { redis } else { try await TestServers.redis }
        let prefix = uniqueName("ingest")
        var postgres = try PostgresConfiguration(url: try await TestServers.postgres.url)
        postgres.schema = prefix
        let pool = PostgresPool(postgres)
        pool.start()
        try await pool.executeScript("CREATE SCHEMA \(prefix)")
        _ = try await Migrator(pool: pool).migrate()
        var configuration = IngestConfiguration(privacyKey: privacyKey)
        configuration.prefix = prefix
        configuration.masterKey = masterKey
        configuration.directory.publishes = false
        configuration.trustedProxies = [AddressRange("127.0.0.0/8")].compactMap { $0 }
        configure(&configuration)
        let connection = try await connect(server)
        let fixture = IngestFixture(server, connection, pool, configuration, lengthMax)
        try await seed(fixture)
        if publish { try await fixture.publish() }
        try await fixture.service.start()
        return fixture
    }

    private init(
        _ redis: PrivateRedis, _ connection: RedisClient, _ pool: PostgresPool,
        _ configuration: IngestConfiguration, _ lengthMax: [QueueName: Int]
    ) {
        self.redis = redis
        self.connection = connection
        self.pool = pool
        prefix = configuration.prefix
        var options = JobQueueConfiguration()
        options.prefix = configuration.prefix
        options.shardCount = 4
        options.lengthMax = lengthMax
        queue = JobQueue(connection: connection, configuration: options)
        service = IngestService(
            configuration, queue: queue, limiterConnection: connection, directoryConnection: connection, pool: pool)
    }

    static func connect(_ redis: PrivateRedis) async throws -> RedisClient {
        var configuration = try RedisConfiguration(host: redis.host, port: redis.port)
        configuration.reconnectWaitMax = .milliseconds(100)
        configuration.replyTimeout = .seconds(2)
        let connection = RedisClient(configuration, purpose: "test")
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
        return connection
    }

    func end() async {
        await service.stop()
        await pool.close()
        connection.close()
    }

    // MARK: What the directory knows

    func publish() async throws {
        try await DirectoryPublisher.publish(pool, connection, prefix: prefix)
        await service.directory.refresh()
    }

    func addKey(
        source: String = "shop-1", scopes: [String] = ["events:write", "events:read"]
    ) async throws -> String {
        let key = "tk_live_" + Hex.encode(randomBytes(16))
        _ = try await pool.query(
            PostgresStatement(
                "test_add_key",
                """
                INSERT INTO api_keys (id, programme, source, name, prefix, hash, scopes)
                VALUES ($1, 'default', $2, 'test', 'tk_live_', $3, $4)
                """),
            [
                .uuid(.version7(at: Loop.wallClock)), .text(source), .bytes(SHA256.digest(Array(key.utf8))),
                .texts(scopes),
            ])
        return key
    }

    @discardableResult
    func addPartner(_ code: String) async throws -> UUID {
        let id = UUID.version7(at: Loop.wallClock)
        _ = try await pool.query(
            PostgresStatement(
                "test_add_partner",
                "INSERT INTO partners (id, programme, referral_code, name) VALUES ($1, 'default', $2, 'Partner')"),
            [.uuid(id), .text(code)])
        return id
    }

    func addHook(_ source: String, platform: String, secret: String) async throws {
        _ = try await pool.query(
            PostgresStatement(
                "test_add_hook",
                """
                INSERT INTO hook_sources (source, programme, platform, secret, secret_key_id)
                VALUES ($1, 'default', $2, $3, '1')
                """),
            [
                .text(source), .text(platform),
                .bytes(try HookSecret.seal(secret, source: source, masterKey: Self.masterKey)),
            ])
    }

    // MARK: What was enqueued

    /// The payloads of all jobs that wait, in no order.
    func payloads(_ name: QueueName = .conversions) async throws -> [JSON] {
        var payloads: [JSON] = []
        for shard in 0..<queue.configuration.shardCount {
            while let batch = try await queue.lease(name, shard: shard, max: 500, mayTakeAlone: true).batch {
                for job in batch.jobs {
                    var payload = try JSON.parse(job.payload)
                    if case .object(var object) = payload {
                        object["kind"] = .string(job.kind)
                        object["job"] = .string(job.id)
                        payload = .object(object)
                    }
                    payloads.append(payload)
                }
                _ = try await queue.complete(batch.jobs)
            }
        }
        return payloads
    }

    func waitingCount(_ name: QueueName = .conversions) async throws -> Int {
        let sum = try await queue.stats(name).sum
        return sum.ready + sum.leased + sum.scheduled + sum.dead
    }

    // MARK: HTTP

    func post(
        _ path: String, _ body: String, key: String? = nil, _ headers: [(String, String)] = []
    ) async throws -> HTTPAnswer {
        try await post(path, Array(body.utf8), key: key, headers)
    }

    func post(
        _ path: String, _ body: [UInt8], key: String? = nil, _ headers: [(String, String)] = []
    ) async throws -> HTTPAnswer {
        let authorization = key.map { [("Authorization", "Bearer \($0)")] } ?? []
        return try await send("POST", path, authorization + headers, body)
    }

    func get(_ path: String, key: String? = nil) async throws -> HTTPAnswer {
        try await send("GET", path, key.map { [("Authorization", "Bearer \($0)")] } ?? [], [])
    }

    func send(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], _ body: [UInt8] = []
    ) async throws -> HTTPAnswer {
        let port = service.port
        return try await offLoop { try HTTPAnswer.exchange(port: port, method, path, headers, body) }
    }
}

extension JSON {
    subscript(path path: String) -> JSON? {
        path.split(separator: ".").reduce(self as JSON?) { json, step in
            Int(step).flatMap { json?[$0] } ?? json?[String(step)]
        }
    }
}
