import Core
package import EventLoop
package import Fleet
import Ingest
import JobQueue
import Ledger
import Postgres
import Redis
import Webhooks

/// What commands work with: the configuration, and connections that are made when a command first needs them.
@Loop
package final class Session {
    let configuration: FleetConfiguration
    private var openPool: PostgresPool?
    private var openRedis: RedisConnection?

    package init(_ configuration: FleetConfiguration) { self.configuration = configuration }

    nonisolated private static let patience: Duration = .seconds(5)

    func postgres() async throws -> PostgresPool {
        if let openPool { return openPool }
        guard var settings = configuration.postgres else {
            throw Refusal("TRIBUTARY_POSTGRES_URL is not set: name the fleet's database")
        }
        settings.poolSize = 1
        settings.applicationName = "tributary-inspector"
        let pool = PostgresPool(settings)
        pool.start()
        openPool = pool
        try await pool.waitUntilReady(within: Self.patience)
        return pool
    }

    func redis() async throws -> RedisConnection {
        if let openRedis { return openRedis }
        let connection = RedisConnection(configuration.redis, purpose: "inspector")
        connection.start()
        openRedis = connection
        try await connection.waitUntilReady(within: Self.patience)
        return connection
    }

    func queue() async throws -> JobQueue {
        JobQueue(connection: try await redis(), configuration: configuration.queue)
    }

    func book() async throws -> OrderBook { OrderBook(pool: try await postgres()) }

    func masterKey() throws -> Secret<[UInt8]> {
        guard let key = configuration.masterKey else {
            throw Refusal("TRIBUTARY_MASTER_KEY is not set: secrets are sealed under it")
        }
        return key
    }

    func sealer() throws -> SecretSealer { SecretSealer(key: try masterKey(), keyID: configuration.masterKeyID) }

    /// Tells the ingest of a changed key, partner or hook.
    func publishDirectory() async throws {
        try await DirectoryPublisher.publish(
            try await postgres(), try await redis(), prefix: configuration.queue.prefix)
    }

    package func close() async {
        openRedis?.close()
        await openPool?.close()
    }
}
