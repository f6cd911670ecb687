import Core
import EventLoop
import Ledger
import Postgres
import TestSupport
import Testing

@testable import Notifications

struct NotificationBookTests {
    init() { Loop.startThread() }

    @Loop private func withPool(_ body: @Loop (PostgresPool) async throws -> Void) async throws {
        var configuration = try PostgresConfiguration(url: try await TestServers.postgres.url)
        configuration.schema = uniqueName("notes")
        let pool = PostgresPool(configuration)
        pool.start()
        do {
            try await pool.waitUntilReady(within: .seconds(10))
            _ = try await Migrator(pool: pool).migrate()
            try await body(pool)
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    @Loop private func rows(_ pool: PostgresPool) async throws -> [String] {
        try await pool.query(
            PostgresStatement(
                "test_rows",
                "SELECT concat_ws(' ', channel, status, attempt, last_error) FROM notifications ORDER BY id")
        ).map { try $0.text(0) }
    }

    private func note(_ subject: String) -> Notification { Notification(kind: "test", subject: subject, body: "b") }

    @Loop @Test func `a row is owed for each channel, and an overtaken attempt writes no result`() async throws {
        try await withPool { pool in
            let ids = try await pool.transaction { transaction in
                try await NotificationBook.owe(self.note("s"), on: [.mail, .chat], in: transaction)
            }
            #expect(try await rows(pool) == ["mail owed 0", "chat owed 0"])
            let first = try #require(try await NotificationBook.begin(ids[0], fence: 1, pool))
            let second = try #require(try await NotificationBook.begin(ids[0], fence: 2, pool))
            try await NotificationBook.end(first, error: nil, pool)
            #expect(try await rows(pool)[0] == "mail owed 2")
            try await NotificationBook.end(second, error: "no answer", pool)
            #expect(try await rows(pool)[0] == "mail owed 2 no answer")
            let third = try #require(try await NotificationBook.begin(ids[0], fence: 3, pool))
            try await NotificationBook.end(third, error: nil, pool)
            #expect(try await rows(pool)[0] == "mail sent 3")
            #expect(try await NotificationBook.begin(ids[0], fence: 4, pool) == nil)
            try await NotificationBook.bury(ids[1], reason: "gone", pool)
            #expect(try await rows(pool)[1] == "chat dead 0 gone")
        }
    }

    @Loop @Test func `the same alert comes once an hour and tells what was left out`() async throws {
        try await withPool { pool in
            @Loop func alert(_ key: String) async throws -> [Int64] {
                var told: [Int64] = []
                _ = try await pool.transaction { transaction in
                    told = []
                    return try await NotificationBook.alert(key, count: 2, on: [.chat], in: transaction) { untold in
                        told.append(untold)
                        return Notification(kind: "test", subject: "s", body: "b")
                    }
                }
                return told
            }
            #expect(try await alert("a") == [0])
            #expect(try await alert("a") == [])
            #expect(try await alert("a") == [])
            #expect(try await alert("b") == [0])
            _ = try await pool.query(
                PostgresStatement(
                    "test_hour", "UPDATE alert_periods SET last_at = last_at - interval '1 hour' WHERE alert_key = 'a'")
            )
            #expect(try await alert("a") == [4])
            #expect(try await alert("a") == [])
            #expect(try await rows(pool).count == 3)
        }
    }

    @Test func `a subject stays one line`() {
        #expect(note("a\r\nBcc: x\nb").subject == "a Bcc: x b")
    }

    @Test(
        arguments: [
            ("HTTP/1.1 429\r\nRetry-After: 30\r\n", 30), ("retry-after:99999\r\n", 3600),
            ("Retry-After: soon\r\n", nil),
            ("", nil),
        ] as [(String, Int64?)])
    func `a chat's wish to wait is heeded up to an hour`(header: String, seconds: Int64?) {
        #expect(NotificationSender.retryAfter(Array(header.utf8)) == seconds.map { .seconds($0) })
    }
}
