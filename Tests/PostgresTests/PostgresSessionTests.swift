import EventLoop
import TestSupport
import Testing

@testable import Postgres

@Suite struct PostgresSessionTests {
    init() { Loop.startThread() }

    private let count = PostgresStatement("count", "SELECT count(*) FROM t")

    @Loop @Test func aScriptHasManyStatementsAndThenTheConnectionTakesOrdinaryOnes() async throws {
        try await withPool { pool in
            try await pool.withConnection { session in
                try await session.executeScript(
                    "CREATE TABLE t (a int4); INSERT INTO t VALUES (1); SELECT a FROM t; INSERT INTO t VALUES (2);")
                #expect(try await session.query(count)[0].int(0) == 2)
                try await session.executeScript("")
                try await session.executeScript("BEGIN; INSERT INTO t VALUES (3); COMMIT")
                #expect(try await session.query(count)[0].int(0) == 3)
            }
        }
    }

    @Loop @Test func aScriptThatFailsChangesNothing() async throws {
        try await withPool(script: "CREATE TABLE t (a int4)") { pool in
            try await pool.withConnection { session async throws in
                for script in [
                    "INSERT INTO t VALUES (1); SELECT 1 / 0", "BEGIN; INSERT INTO t VALUES (1); SELECT 1 / 0; COMMIT",
                ] {
                    #expect(await failure { try await session.executeScript(script) }?.sqlState == "22012")
                    #expect(try await session.query(count)[0].int(0) == 0)
                }
            }
        }
    }

    @Loop @Test func copyIsRefusedAndHangsNothing() async throws {
        try await withPool(script: "CREATE TABLE t (a int4)") { pool in
            let error = await failure { try await pool.executeScript("COPY t FROM STDIN") }
            #expect(error?.message.contains("COPY") == true)
        }
    }

    @Loop @Test func anAdvisoryLockIsHeldAcrossScriptsAndEndsWithTheSession() async throws {
        try await withPool { pool in
            let key = PostgresValue.int8(Int64.random(in: 1...Int64.max))
            let lock = PostgresStatement("lock", "SELECT pg_advisory_lock($1)")
            let attempt = PostgresStatement("try-lock", "SELECT pg_try_advisory_xact_lock($1)")
            try await pool.withConnection { session in
                _ = try await session.query(lock, [key])
                try await session.executeScript("CREATE TABLE t (a int4)")
                #expect(try await pool.query(attempt, [key])[0].bool(0) == false)
                let waiter = await failure {
                    try await pool.withConnection(lockTimeout: .milliseconds(50)) { other in
                        _ = try await other.query(lock, [key])
                    }
                }
                #expect(waiter?.sqlState == "55P03")
            }
            try await eventually(within: .seconds(10)) { try await pool.query(attempt, [key])[0].bool(0) }
        }
    }

    @Loop @Test func aSessionsTransactionCommitsOrRollsBack() async throws {
        struct Refusal: Error {}
        try await withPool(script: "CREATE TABLE t (a int4)") { pool in
            let insert = PostgresStatement("insert", "INSERT INTO t VALUES (1)")
            try await pool.withConnection { session in
                try await session.transaction { $0.post(insert) }
                await #expect(throws: Refusal.self) {
                    try await session.transaction { transaction in
                        transaction.post(insert)
                        throw Refusal()
                    }
                }
                #expect(try await session.query(count)[0].int(0) == 1)
            }
        }
    }

    @Loop @Test func aSessionOfItsOwnHasNoStatementTimeoutUnlessAsked() async throws {
        try await withPool(configure: {
            $0.statementTimeout = .milliseconds(40)
            $0.replyMargin = .milliseconds(10)
        }) { pool in
            let nap = PostgresStatement("nap", "SELECT pg_sleep(0.2)")
            try await pool.withConnection { session in _ = try await session.query(nap) }
            let error = await failure {
                try await pool.withConnection(statementTimeout: .milliseconds(40)) { session in
                    _ = try await session.query(nap)
                }
            }
            #expect(error?.sqlState == "57014")
        }
    }
}
