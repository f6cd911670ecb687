import EventLoop
import TestSupport
import Testing

@testable import Postgres

@Suite struct PostgresTLSTests {
    init() { Loop.startThread() }

    private let cipher = PostgresStatement(
        "tls", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")

    @Loop @Test func aVerifiedEncryptedSessionWithAPasswordIsOpenedAndAWrongNameOrPasswordIsNot() async throws {
        let server = try await PrivatePostgres.start(options: ["fsync=off"])
        defer { server.stop() }
        let certificate = "\(server.directory)/data/server.crt"
        let made = try await runCommand(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=db.example", "-addext", "subjectAltName=DNS:db.example", "-out", certificate,
                "-keyout", "\(server.directory)/data/server.key",
            ], user: "postgres")
        #expect(made.status == 0)
        try await withPool(on: server) { pool in
            try await pool.executeScript(
                "COPY (SELECT 'hostssl all guest 127.0.0.1/32 scram-sha-256') TO '\(server.directory)/data/pg_hba.conf'"
            )
            try await pool.executeScript("CREATE ROLE guest LOGIN PASSWORD 'p w'")
            try await pool.executeScript("ALTER SYSTEM SET ssl = on")
            try await pool.executeScript("SELECT pg_reload_conf()")
            let base = "postgresql://guest:p%20w@db.example:\(server.port)/postgres?hostaddr=127.0.0.1"
            let verified = base + "&sslmode=verify-full&sslrootcert=\(certificate)"
            // The server takes its new settings up in its own time.
            try await eventually(within: .seconds(10)) { await self.problem(verified) == nil }
            #expect(await problem(base + "&sslmode=require") == nil)
            let wrongName = await problem(verified.replacing("db.example", with: "other.example"))
            #expect(wrongName?.contains("does not match host name") == true)
            let wrongPassword = await problem(verified.replacing("p%20w", with: "guess"))
            #expect(wrongPassword?.contains("password authentication failed") == true)
            #expect(await problem(base)?.contains("no encryption") == true)
        }
    }

    /// Why a pool at `url` gets no encrypted session; `nil` when it gets one.
    @Loop private func problem(_ url: String) async -> String? {
        do {
            var configuration = try PostgresConfiguration(url: url)
            configuration.poolSize = 1
            let pool = PostgresPool(configuration)
            var problem: String?
            pool.onEvent = { event in if case .connectFailed(let error) = event { problem = error.message } }
            pool.start()
            try await eventually(within: .seconds(10)) { pool.isReady || problem != nil }
            if problem == nil { #expect(try await pool.query(cipher)[0].bool(0)) }
            await pool.close()
            return problem
        } catch {
            return "\(error)"
        }
    }
}
