import Bookkeeping
import Core
import Crypto
import EventLoop
import Fleet
import JobQueue
import Ledger
import Postgres
import Redis
import TestSupport

@testable import Inspector

/// The inspector on a schema and a key prefix of its own, with what it says kept in memory.
@Loop
final class InspectorFixture {
    let pool: PostgresPool
    let connection: RedisClient
    let queue: JobQueue
    let book: OrderBook
    let environment: [String: String]

    /// What one run of the program left.
    struct Run {
        let status: ExitStatus
        let out: String
        let errors: String

        /// The answer of `--json`: one line.
        var json: JSON {
            get throws { try JSON.parse(Array(out.utf8)) }
        }

        var lines: [String] { out.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    }

    static func run(
        isMigrated: Bool = true, redis: PrivateRedis? = nil, _ body: @Loop (InspectorFixture) async throws -> Void
    ) async throws {
        let server = if let redis { redis } else { try await TestServers.redis }
        let fixture = try await InspectorFixture(TestServers.postgres.url, server, uniqueName("inspector"))
        do {
            if isMigrated { _ = try await fixture("migrate") }
            try await body(fixture)
        } catch {
            await fixture.close()
            throw error
        }
        await fixture.close()
    }

    private init(_ postgresURL: String, _ redis: PrivateRedis, _ name: String) async throws {
        environment = [
            "TRIBUTARY_REDIS_URL": redis.url, "TRIBUTARY_POSTGRES_URL": postgresURL, "TRIBUTARY_SCHEMA": name,
            "TRIBUTARY_PREFIX": name, "TRIBUTARY_SHARDS": "4", "TRIBUTARY_DEMO": "1",
            "TRIBUTARY_MASTER_KEY": Base64.encode([UInt8](repeating: 7, count: 32)),
        ]
        let configuration = try FleetConfiguration(environment: environment, resolve: { $0 })
        guard let postgres = configuration.postgres else { throw TestSupportError("no PostgreSQL is configured") }
        pool = PostgresPool(postgres)
        connection = RedisClient(configuration.redis, purpose: "test")
        queue = JobQueue(connection: connection, configuration: configuration.queue)
        book = OrderBook(pool: pool)
        pool.start()
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
    }

    private func close() async {
        connection.close()
        await pool.close()
    }

    /// Another way to the same Redis.
    func client(purpose: String) async throws -> RedisClient {
        let client = RedisClient(try configuration().redis, purpose: purpose)
        client.start()
        try await client.waitUntilReady(within: .seconds(10))
        return client
    }

    func configuration() throws -> FleetConfiguration {
        try FleetConfiguration(environment: environment, resolve: { $0 })
    }

    /// Runs `tributary` with these words.
    func callAsFunction(_ words: String..., changing changes: [String: String?] = [:]) async throws -> Run {
        var environment = environment
        for (name, value) in changes { environment[name] = value }
        return try await Self.tributary(words, environment)
    }

    static func tributary(
        _ words: [String], _ environment: [String: String], columns: [Console.Stream: Int] = [:],
        console: [String: String] = [:]
    ) async throws -> Run {
        let output = Output()
        let status = await Inspector.run(
            words, on: Console(columns: columns, environment: console) { output.add($1, to: $0) },
            configuration: { try FleetConfiguration(environment: environment, resolve: { $0 }) })
        return Run(status: status, out: output.text(.out), errors: output.text(.errors))
    }

    @Loop
    private final class Output {
        private var bytes: [Console.Stream: [UInt8]] = [:]

        func add(_ more: [UInt8], to stream: Console.Stream) { bytes[stream, default: []] += more }

        func text(_ stream: Console.Stream) -> String { String(decoding: bytes[stream] ?? [], as: UTF8.self) }
    }
}

// MARK: What a test puts into the books

extension InspectorFixture {
    /// 10 % for everything, for all times.
    func addPolicy() async throws {
        try await pool.executeScript(
            """
            INSERT INTO commission_policies (id, programme, policy_code, name, policy_type, priority, commission,
                                             valid_from, valid_until)
            VALUES (gen_random_uuid(), 'default', 'STANDARD', 'Standard', 'BASE', 10,
                    '{"kind":"percentage","ppm":100000}', '2020-01-01Z', '2100-01-01Z')
            """)
    }

    /// Adds a partner by the program, and answers its id.
    @discardableResult
    func addPartner(_ code: String = "PARTNER001") async throws -> String {
        let json = try await self("partner", "add", "--code", code, "--name", "Ada's Blog", "--json").json
        guard let id = json["partnerId"]?.string else { throw TestSupportError("the partner was not added") }
        return id
    }

    /// Adds an endpoint of the partner that ``addPartner(_:)`` adds, for new conversions.
    func addEndpoint() async throws {
        _ = try await self(
            "endpoint", "add", "--partner", "PARTNER001", "--url", "https://ada.example/hooks", "--events",
            "conversion.created")
    }

    /// Stores events and prices their orders, as the two workers do; answers the deliveries that are owed.
    @discardableResult
    func process(_ events: [EventEnvelope]) async throws -> [OrderBook.OwedDelivery] {
        let recording = try await book.record(events)
        let pricing = try await book.price(recording.owedPricings.map(\.orderID))
        return recording.owedDeliveries + pricing.owedDeliveries
    }

    /// An event an hour old, accepted a second later.
    func event(
        _ type: EventEnvelope.EventType, _ order: String, _ data: JSON = [:], id: String? = nil, source: String = "shop"
    ) throws -> EventEnvelope {
        let time = Loop.wallClock.rawValue - 3_600_000
        let content: JSON = ["type": .string(type.rawValue), "orderId": .string(order), "data": data]
        let digest = Hex.encode(SHA256.digest(content.serialized()))
        let envelope: JSON = [
            "v": 1, "programme": "default", "source": .string(source),
            "eventId": .string(id ?? "evt-\(digest.prefix(16))"), "type": .string(type.rawValue),
            "orderId": .string(order), "occurredAt": JSON(integer: time), "acceptedAt": JSON(integer: time + 1000),
            "digest": .string(digest), "data": data,
        ]
        return try EventEnvelope(payload: envelope.serialized())
    }

    /// An order of 100,000 KRW that a partner's code brought, created and confirmed.
    @discardableResult
    func addOrder(
        _ order: String = "order-1", code: String? = "PARTNER001", source: String = "shop"
    ) async throws -> [OrderBook.OwedDelivery] {
        var data = JSONObject([("version", 1), ("currency", "KRW"), ("orderAmount", 100_000)])
        if let code { data["referralCode"] = .string(code) }
        return try await process([
            event(.created, order, .object(data), source: source), event(.confirmed, order, source: source),
        ])
    }

    /// The first commission of an order, as `order --json` has it.
    func commission(_ order: String = "order-1") async throws -> JSON {
        try await self("order", order, "--json").json["commissions"]?[0] ?? .null
    }

    func commissionID(_ order: String = "order-1") async throws -> String {
        try await commission(order)["id"]?.string ?? ""
    }

    /// The first column of the first row.
    func text(_ sql: String) async throws -> String {
        try await pool.query(PostgresStatement("test_text", sql))[0].text(0)
    }
}

// MARK: What a test puts into the queues

extension NewJob {
    static func test(
        _ id: String, _ queue: QueueName = .clicks, kind: String = "test.v1", payload: String = #"{"name":"value"}"#,
        delay: Duration = .zero, maxAttempts: Int = 10
    ) -> NewJob {
        NewJob(
            id: id, queue: queue, kind: kind, payload: Array(payload.utf8), shardKey: id, delay: delay,
            maxAttempts: maxAttempts)
    }
}

extension InspectorFixture {
    /// Enqueues jobs and lets each fail for good with the reason that it is given.
    func addDead(_ jobs: [NewJob], reason: (String) -> String = { _ in "no such thing" }) async throws {
        _ = try await queue.enqueue(jobs)
        for name in Set(jobs.map(\.queue)) {
            for shard in 0..<queue.configuration.shardCount {
                while let batch = try await queue.lease(name, shard: shard, max: 500, mayTakeAlone: true).batch {
                    _ = try await queue.settle(
                        batch.jobs.map { (job: $0, verdict: JobVerdict.bury(reason: reason($0.id))) })
                }
            }
        }
    }

    func depth(_ name: QueueName = .clicks) async throws -> QueueStats.Counts { try await queue.stats(name).sum }
}
