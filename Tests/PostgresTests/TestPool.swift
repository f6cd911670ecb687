import EventLoop
import TestSupport

@testable import Postgres

/// A pool on `server` (the shared one by default) with a schema of its own, closed when `body` ends.
@Loop
func withPool<Value>(
    on server: PrivatePostgres? = nil, script: String = "",
    configure: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: @Loop (PostgresPool) async throws -> Value
) async throws -> Value {
    let shared = if let server { server } else { try await TestServers.postgres }
    var configuration = try PostgresConfiguration(url: shared.url)
    let schema = uniqueName("wire")
    configuration.schema = schema
    configure(&configuration)
    let pool = PostgresPool(configuration)
    pool.start()
    do {
        try await pool.executeScript("CREATE SCHEMA \(schema); \(script)")
        let value = try await body(pool)
        await pool.close()
        return value
    } catch {
        await pool.close()
        throw error
    }
}

/// The error that `body` ends with.
@Loop
func failure(of body: @Loop () async throws -> Void) async -> PostgresError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}
