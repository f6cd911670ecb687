import EventLoop
import Ledger
import Postgres
import Testing

@Suite("The schema goes up and down")
struct MigratorTests {
    init() { Loop.startThread() }

    @Loop private func mismatch(_ body: @Loop () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? Migrator.Mismatch)?.description
        }
    }

    @Loop @Test func upDownAndUpAgain() async throws {
        try await withBooks(isMigrated: false) { books in
            let migrator = Migrator(pool: books.pool)
            let newest = Migrator.schemaNumber
            #expect(try await migrator.appliedNumber() == 0)
            #expect(try await migrator.status().allSatisfy { !$0.isApplied })
            let refusal = await mismatch { try await migrator.requireCurrentSchema() }
            #expect(refusal?.contains("tributary migrate") == true)

            // Whoever only looks creates nothing.
            #expect(
                try await books.number("SELECT count(*) FROM pg_namespace WHERE nspname = current_schema()") == 0)

            let up = Migrator.migrations.map { "up \($0.label)" }
            #expect(try await migrator.migrate() == up)
            #expect(try await migrator.migrate() == [])
            #expect(try await migrator.appliedNumber() == newest)
            try await migrator.requireCurrentSchema()

            #expect(try await migrator.migrate(to: 0) == Migrator.migrations.reversed().map { "down \($0.label)" })
            let left = try await books.texts(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()")
            #expect(left == ["schema_migrations"])
            #expect(try await migrator.migrate() == up)
            #expect(try await books.number("SELECT count(*) FROM programmes") == 1)
        }
    }

    @Loop @Test func twoAtOnceDoItOnce() async throws {
        try await withBooks(isMigrated: false) { books in
            async let first = Migrator(pool: books.pool).migrate()
            async let second = Migrator(pool: books.pool).migrate()
            let done = try await first + second
            #expect(done.count == Migrator.migrations.count)
        }
    }

    @Loop @Test func anEditedMigrationIsRefused() async throws {
        try await withBooks { books in
            try await books.pool.executeScript("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1")
            let refusal = await mismatch { _ = try await Migrator(pool: books.pool).migrate() }
            #expect(refusal?.contains("0001_create_the_books was edited") == true)
        }
    }

    @Loop @Test func aNewerSchemaIsRefused() async throws {
        try await withBooks { books in
            try await books.pool.executeScript(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'of_the_future', 'x')")
            let migrator = Migrator(pool: books.pool)
            let down = await mismatch { _ = try await migrator.migrate(to: 0) }
            #expect(down == "the database has migration 9999, which this program does not know")
            let start = await mismatch { try await migrator.requireCurrentSchema() }
            #expect(start?.contains("knows only") == true)
            let unknown = await mismatch { _ = try await migrator.migrate(to: 777) }
            #expect(unknown?.contains("there is no migration 777") == true)
        }
    }

    @Loop @Test(arguments: ["ledger_entries", "audit_logs"])
    func whatIsWrittenToTheTrailStays(table: String) async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            #expect(try await books.number("SELECT count(*) FROM \(table)") == 1)
            for sql in ["UPDATE \(table) SET created_at = now()", "DELETE FROM \(table)", "TRUNCATE \(table)"] {
                do {
                    try await books.pool.executeScript(sql)
                    Issue.record("it was allowed: \(sql)")
                } catch let error as PostgresError {
                    #expect(error.message.contains("\(table) is append-only"))
                    #expect(error.isDataError)
                }
            }
            #expect(try await books.number("SELECT count(*) FROM \(table)") == 1)
        }
    }
}
