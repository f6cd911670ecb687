import Core
import EventLoop
import Fleet
import Ingest
import JobQueue
import Ledger
import Postgres
import Redis
import Webhooks

/// What commands work with: the console, the configuration, and connections that are made when a command first needs them.
@Loop
final class Session {
    let console: Console
    /// Whether a program reads the answer.
    let wantsJSON: Bool
    private let load: () throws -> FleetConfiguration
    private var loaded: FleetConfiguration?
    private var openPool: PostgresPool?
    private var openRedis: RedisClient?
    private var openWait: RedisClient?

    init(console: Console, wantsJSON: Bool, load: @escaping () throws -> FleetConfiguration) {
        self.console = console
        self.wantsJSON = wantsJSON
        self.load = load
    }

    /// How long a store may take to be reached: a person waits for it.
    nonisolated private static let patience: Duration = .seconds(3)

    /// - Throws: `ConfigurationProblems`, all at one go.
    func configuration() throws -> FleetConfiguration {
        if let loaded { return loaded }
        let configuration = try load()
        loaded = configuration
        return configuration
    }

    func postgres() async throws -> PostgresPool {
        if let openPool { return openPool }
        guard var settings = try configuration().postgres else {
            throw MissingSetting("TRIBUTARY_POSTGRES_URL", "name the fleet's database")
        }
        settings.poolSize = 1
        settings.applicationName = "tributary-inspector"
        let pool = PostgresPool(settings)
        pool.start()
        openPool = pool
        try await pool.waitUntilReady(within: Self.patience)
        return pool
    }

    /// `nil` when the configuration names no database: for what PostgreSQL may add, but need not.
    func postgresIfConfigured() async throws -> PostgresPool? {
        try configuration().postgres == nil ? nil : try await postgres()
    }

    func redis() async throws -> RedisClient {
        if let openRedis { return openRedis }
        let connection = RedisClient(try configuration().redis, purpose: "inspector")
        connection.start()
        openRedis = connection
        try await connection.waitUntilReady(within: Self.patience)
        return connection
    }

    /// Where jobs are, in words: the server and the prefix.
    func place() throws -> String {
        let configuration = try configuration()
        return "\(configuration.redis), \(configuration.queue.prefix)"
    }

    /// Another way to Redis, for a command that blocks it.
    func waitingRedis() async throws -> RedisClient {
        if let openWait { return openWait }
        let connection = RedisClient(try configuration().redis, purpose: "inspector-tail")
        openWait = connection
        connection.start()
        try await connection.waitUntilReady(within: Self.patience)
        return connection
    }

    func queue() async throws -> JobQueue {
        JobQueue(connection: try await redis(), configuration: try configuration().queue)
    }

    func book() async throws -> OrderBook { OrderBook(pool: try await postgres()) }

    func masterKey() throws -> Secret<[UInt8]> {
        guard let key = try configuration().masterKey else {
            throw MissingSetting("TRIBUTARY_MASTER_KEY", "secrets are sealed under it")
        }
        return key
    }

    func sealer() throws -> SecretSealer {
        SecretSealer(key: try masterKey(), keyID: try configuration().masterKeyID)
    }

    /// Tells the ingest of a changed key, partner or hook.
    func publishDirectory() async throws {
        try await DirectoryPublisher.publish(
            try await postgres(), try await redis(), prefix: try configuration().queue.prefix)
    }

    func close() async {
        openRedis?.close()
        openWait?.close()
        await openPool?.close()
    }
}
