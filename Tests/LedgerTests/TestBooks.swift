import Commissions
import Core
import EventLoop
import Ledger
import Postgres
import TestSupport

/// A migrated schema of its own on the shared PostgreSQL, with two partners and what a test adds.
@Loop
final class TestBooks {
    let configuration: PostgresConfiguration
    let pool: PostgresPool
    let book: OrderBook
    private var pools: [PostgresPool]

    private init(_ configuration: PostgresConfiguration) {
        self.configuration = configuration
        pool = PostgresPool(configuration)
        pool.start()
        pools = [pool]
        book = OrderBook(pool: pool)
    }

    /// Another process's book over the same tables, with connections of its own.
    func anotherBook(
        faults: LedgerFaults = [], beforeStatement: (@Loop (PostgresStatement) async -> Void)? = nil
    ) -> OrderBook {
        var other = configuration
        other.beforeStatement = beforeStatement
        let pool = PostgresPool(other)
        pool.start()
        pools.append(pool)
        return OrderBook(pool: pool, faults: faults)
    }

    fileprivate func close() async {
        for pool in pools { await pool.close() }
    }

    fileprivate static func open(isMigrated: Bool) async throws -> TestBooks {
        var configuration = try PostgresConfiguration(url: try await TestServers.postgres.url)
        configuration.schema = uniqueName("ledger")
        configuration.applicationName = configuration.schema ?? "ledger"
        let books = TestBooks(configuration)
        guard isMigrated else { return books }
        _ = try await Migrator(pool: books.pool).migrate()
        try await books.pool.executeScript(
            """
            INSERT INTO partners (id, programme, referral_code, name, tier, customer_id) VALUES
                ('\(partner)', 'default', 'PARTNER001', 'First', 'gold', 'self-1'),
                ('\(rival)', 'default', 'PARTNER002', 'Second', 'silver', NULL)
            """)
        return books
    }
}

/// Runs `body` on books of its own, which pay 10 % unless `policies` says otherwise.
@Loop
func withBooks(
    isMigrated: Bool = true, policies: [TestPolicy] = [TestPolicy()], _ body: @Loop (TestBooks) async throws -> Void
) async throws {
    let books = try await TestBooks.open(isMigrated: isMigrated)
    do {
        if isMigrated {
            for policy in policies { try await books.pool.executeScript(policy.insertion) }
        }
        try await body(books)
        await books.close()
    } catch {
        await books.close()
        throw error
    }
}

/// A policy of the programme: 10 % for everything unless it says otherwise.
struct TestPolicy {
    var id = uuid(100)
    var code = "STANDARD"
    var priority: Int64 = 10
    var percent: Int64 = 10
    var usesMax: Int64?
    var productID: String?

    var insertion: String {
        """
        INSERT INTO commission_policies (id, programme, policy_code, name, policy_type, priority, product_id, commission,
                                         valid_from, valid_until, max_usage_total, created_at)
        VALUES ('\(id)', 'default', '\(code)', '\(code)', 'BASE', \(priority), \(productID.map { "'\($0)'" } ?? "NULL"),
                '{"kind":"percentage","ppm":\(percent * 10_000)}', '2020-01-01Z', '2100-01-01Z',
                \(usesMax.map(String.init) ?? "NULL"), '2020-01-01Z')
        """
    }

    var policy: Policy {
        Policy(
            id: id, code: code, version: 1, type: "BASE", priority: priority,
            conditions: PolicyConditions(
                productID: productID,
                validFrom: EpochMilliseconds(rfc3339: "2020-01-01T00:00:00Z") ?? .init(rawValue: 0),
                validUntil: EpochMilliseconds(rfc3339: "2100-01-01T00:00:00Z") ?? .init(rawValue: .max)),
            commission: .percentage(Rate(partsPerMillion: percent * 10_000)), maxUsageTotal: usesMax,
            createdAt: EpochMilliseconds(rfc3339: "2020-01-01T00:00:00Z") ?? .init(rawValue: 0))
    }
}

extension TestBooks {
    /// Facts and then money, as the two workers do it.
    @discardableResult
    func process(_ events: [EventEnvelope]) async throws -> [OrderBook.RecordOutcome] {
        let recording = try await book.record(events)
        _ = try await book.price(recording.owedPricings.map(\.orderID))
        return recording.outcomes
    }

    func insertEndpoint(_ number: UInt64, of owner: UUID, types: String) async throws {
        try await pool.executeScript(
            """
            INSERT INTO webhook_endpoints (id, programme, partner_id, url, event_types, secret, secret_key_id)
            VALUES ('\(uuid(number))', 'default', '\(owner)', 'https://partner.example/\(number)', '\(types)', '', 'k1')
            """)
    }

    func insertClick(_ id: UUID, of owner: UUID, at time: EpochMilliseconds, session: String? = nil) async throws {
        try await pool.executeScript(
            """
            INSERT INTO referral_clicks (id, programme, partner_id, referral_code, session_id, status, clicked_at)
            SELECT '\(id)', 'default', id, referral_code, \(session.map { "'\($0)'" } ?? "NULL"), 'valid', '\(time.rfc3339)'
            FROM partners WHERE id = '\(owner)'
            """)
    }

    /// The first column of the first row of a statement without parameters.
    func number(_ sql: String) async throws -> Int64 {
        try await pool.query(PostgresStatement("test_number", sql))[0].int(0)
    }

    func texts(_ sql: String) async throws -> [String] {
        try await pool.query(PostgresStatement("test_texts", sql)).map { try $0.text(0) }
    }

    /// Whether one of this test's connections waits for a lock that another one holds.
    func somebodyWaits() async throws -> Bool {
        try await number(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND application_name = current_setting('application_name')
            """) > 0
    }

    /// Prices what the rows say is owed, as the sweep does.
    func priceOwed() async throws {
        let owed = try await pool.query(
            PostgresStatement("test_owed", "SELECT id FROM orders WHERE priced_seq < facts_seq ORDER BY id"))
        _ = try await book.price(try owed.map { try $0.uuid(0) })
    }
}
