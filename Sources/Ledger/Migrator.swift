import Crypto
package import EventLoop
import LedgerMigrations
package import Postgres

/// Applies the numbered changes of the schema, up or down, one at a time under an advisory lock.
///
/// Each change runs in a transaction of its own together with its row in `schema_migrations`, so a crash leaves either both
/// or neither. A change whose text differs from what was applied is refused: released files are never edited.
@Loop
package struct Migrator {
    /// A numbered change that is embedded in this binary.
    package struct Migration: Sendable {
        package let number: Int64
        package let name: String
        let up: String
        let down: String
        /// SHA-256 of the way up, in hex.
        var checksum: String { Hex.encode(SHA256.digest(Array(up.utf8))) }
    }

    /// A change and whether the database has it.
    package struct Status: Sendable {
        package let number: Int64
        package let name: String
        package let isApplied: Bool
    }

    /// The database and this binary do not agree; the description says what to do.
    package struct Mismatch: Error, CustomStringConvertible {
        package let description: String
    }

    /// Any constant will do, as long as every Tributary uses the same one.
    private static let advisoryLockKey: Int64 = 7_244_823_041

    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    /// Every change this binary knows, in order.
    nonisolated package static let migrations: [Migration] = (0..<ledger_migration_count()).map { index in
        let migration = ledger_migration_at(index).pointee
        return Migration(
            number: Int64(migration.number), name: String(cString: migration.name), up: String(cString: migration.up),
            down: String(cString: migration.down))
    }

    /// The schema number this binary works with.
    nonisolated package static var schemaNumber: Int64 { migrations.last?.number ?? 0 }

    /// The number of the last change the database has; 0 for an empty one.
    package func appliedNumber() async throws -> Int64 {
        try await pool.withConnection { session in try await applied(session).keys.max() ?? 0 }
    }

    /// Each change and whether the database has it.
    package func status() async throws -> [Status] {
        let numbers = try await pool.withConnection { session in try await applied(session) }
        return Self.migrations.map { Status(number: $0.number, name: $0.name, isApplied: numbers[$0.number] != nil) }
    }

    /// Brings the schema to `number` (default: the newest), and answers what was done, such as `up 0001_create_the_books`.
    ///
    /// Waits while another process migrates, and then finds nothing left to do.
    package func migrate(to number: Int64 = Self.schemaNumber) async throws -> [String] {
        guard number == 0 || Self.migrations.contains(where: { $0.number == number }) else {
            throw Mismatch(description: "there is no migration \(number); the newest is \(Self.schemaNumber)")
        }
        return try await pool.withConnection { session in
            _ = try await session.query(
                PostgresStatement("lock_schema", "SELECT pg_advisory_lock($1)"), [.int8(Self.advisoryLockKey)])
            try await prepare(session)
            let applied = try await applied(session)
            try verify(applied)
            var done: [String] = []
            for migration in Self.migrations where migration.number <= number && applied[migration.number] == nil {
                try await run(
                    session, migration.up,
                    "INSERT INTO schema_migrations (number, name, checksum) VALUES "
                        + "(\(migration.number), '\(migration.name)', '\(migration.checksum)');")
                done.append("up \(migration.label)")
            }
            for migration in Self.migrations.reversed()
            where migration.number > number && applied[migration.number] != nil {
                try await run(
                    session, migration.down, "DELETE FROM schema_migrations WHERE number = \(migration.number);")
                done.append("down \(migration.label)")
            }
            return done
        }
    }

    /// Refuses a database that this binary does not know: older (migrate first) or newer (a newer binary is needed).
    package func requireCurrentSchema() async throws {
        let number = try await appliedNumber()
        guard number != Self.schemaNumber else { return }
        throw Mismatch(
            description: number < Self.schemaNumber
                ? "the database has schema \(number), this program needs \(Self.schemaNumber): run `tributary migrate`"
                : "the database has schema \(number), this program knows only \(Self.schemaNumber): use a newer one")
    }

    private func prepare(_ session: PostgresSession) async throws {
        if let schema = pool.configuration.schema {
            try await session.executeScript("CREATE SCHEMA IF NOT EXISTS \(Self.quoted(schema))")
        }
        try await session.executeScript(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                number bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
            """)
    }

    /// Reads only: whoever starts a worker need not be allowed to create anything.
    private func applied(_ session: PostgresSession) async throws -> [Int64: String] {
        let table = try await session.query(
            PostgresStatement("find_migrations", "SELECT to_regclass('schema_migrations') IS NOT NULL"))
        guard try table[0].bool(0) else { return [:] }
        let rows = try await session.query(
            PostgresStatement("read_migrations", "SELECT number, checksum FROM schema_migrations"))
        var numbers: [Int64: String] = [:]
        for row in rows { numbers[try row.int(0)] = try row.text(1) }
        return numbers
    }

    private func verify(_ applied: [Int64: String]) throws {
        for migration in Self.migrations {
            guard let checksum = applied[migration.number], checksum != migration.checksum else { continue }
            throw Mismatch(
                description: "\(migration.label) was edited after it was applied; write a new migration instead")
        }
        if let unknown = applied.keys.sorted().first(where: { $0 > Self.schemaNumber }) {
            throw Mismatch(description: "the database has migration \(unknown), which this program does not know")
        }
    }

    /// The change and its row in one transaction: the simple protocol makes one of a script's statements.
    private func run(_ session: PostgresSession, _ script: String, _ bookkeeping: String) async throws {
        try await session.executeScript("BEGIN;\n\(script)\n;\(bookkeeping)\nCOMMIT;")
    }

    private static func quoted(_ identifier: String) -> String {
        "\"" + identifier.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

extension Migrator.Migration {
    /// As the files are called: `0001_create_the_books`.
    package var label: String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "_" + name
    }
}
