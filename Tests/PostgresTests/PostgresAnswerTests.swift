import EventLoop
import TestSupport
import Testing

@testable import Postgres

/// Statements whose rows are asked for together and waited for later.
@Suite struct PostgresAnswerTests {
    init() { Loop.startThread() }

    private static let table = "CREATE TABLE t (id int8 PRIMARY KEY, n int8 NOT NULL DEFAULT 0)"
    private let insert = PostgresStatement("insert", "INSERT INTO t (id) VALUES ($1)")
    private let count = PostgresStatement("count", "SELECT count(*) FROM t")
    private let lock = PostgresStatement("lock", "SELECT id FROM t WHERE id = $1 FOR UPDATE")
    private let increment = PostgresStatement("increment", "UPDATE t SET n = n + 1 WHERE id = $1")
    private let read = PostgresStatement("read", "SELECT n FROM t WHERE id = $1")
    private let echo = PostgresStatement("echo", "SELECT $1 AS x")
    private let fail = PostgresStatement("fail", "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$")

    @Loop @Test func answersAreEachTheirOwnInWhateverOrderTheyAreWaitedFor() async throws {
        try await withPool(script: Self.table) { pool async throws in
            try await pool.transaction { transaction async throws in
                let first = transaction.ask(echo, [.int8(1)])
                transaction.post(insert, [.int8(7)])
                let counted = transaction.ask(count)
                let last = transaction.ask(echo, [.int8(2)])
                #expect(try await last.rows()[0].int(0) == 2)
                #expect(try await first.rows()[0].int(0) == 1)
                #expect(try await counted.rows()[0].int(0) == 1)
                // A later round trip leaves what was answered as it was.
                #expect(try await transaction.execute(echo, [.int8(3)])[0].int(0) == 3)
                #expect(try await first.rows()[0].int(0) == 1)
            }
        }
    }

    @Loop @Test func twoTasksMayWaitForAnswersThatWereSentTogether() async throws {
        try await withPool { pool async throws in
            try await pool.transaction { transaction async throws in
                let first = transaction.ask(echo, [.int8(1)])
                let second = transaction.ask(echo, [.int8(2)])
                async let one = first.rows()
                async let two = second.rows()
                #expect(try await one[0].int(0) == 1)
                #expect(try await two[0].int(0) == 2)
            }
        }
    }

    @Loop @Test func everythingAskedIsSentBeforeTheFirstAnswerComes() async throws {
        let server = try await TestServers.postgres
        let proxy = try TestProxy(to: server.port)
        defer { proxy.close() }
        try await withPool { pool async throws in
            var configuration = pool.configuration
            configuration.address = .ip(proxy.host, port: proxy.port)
            configuration.poolSize = 1
            let proxied = PostgresPool(configuration)
            proxied.start()
            try await proxied.waitUntilReady(within: .seconds(10))
            let take = PostgresStatement("take", "SELECT pg_advisory_xact_lock(4711, $1::int4)")
            let held = PostgresStatement(
                "held", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND granted")
            try await proxied.transaction { transaction async throws in
                // The server hears all of it while not one answer gets through.
                proxy.towardsClient = .hold
                let answers = [Int32(1), 2, 3].map { transaction.ask(take, [.int4($0)]) }
                async let first = answers[0].rows()
                try await eventually(within: .seconds(10)) { try await pool.query(held)[0].int(0) == 3 }
                proxy.towardsClient = .forward
                _ = try await first
                for answer in answers { #expect(try await answer.rows().count == 1) }
            }
            await proxied.close()
        }
    }

    /// The order lock's rule: what is asked together with a lock, but after it, sees what was committed during the wait.
    @Loop @Test func aReadAskedAfterALockSeesWhatWasCommittedWhileTheLockWasWaitedFor() async throws {
        let waits = PostgresStatement(
            "waits",
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%/* slow */%'")
        let slowLock = PostgresStatement("slow_lock", "SELECT id FROM t WHERE id = $1 FOR UPDATE /* slow */")
        try await withPool(script: Self.table + "; INSERT INTO t VALUES (1)") { pool async throws in
            let (holds, mayCommit) = (Gate(), Gate())
            let holder = Task { @Loop in
                try await pool.transaction { transaction async throws in
                    _ = try await transaction.execute(lock, [.int8(1)])
                    holds.open()
                    await mayCommit.wait()
                    transaction.post(insert, [.int8(2)])
                }
            }
            await holds.wait()
            let waiter = Task { @Loop in
                try await pool.transaction { transaction async throws in
                    let locked = transaction.ask(slowLock, [.int8(1)])
                    let counted = transaction.ask(count)
                    _ = try await locked.rows()
                    return try await counted.rows()[0].int(0)
                }
            }
            try await eventually(within: .seconds(10)) { try await pool.query(waits)[0].int(0) == 1 }
            mayCommit.open()
            try await holder.value
            #expect(try await waiter.value == 2)
        }
    }

    @Loop @Test func anErrorInTheMiddleIsThrownByAllAndNothingStays() async throws {
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool async throws in
            var seen: [String?] = []
            let error = await failure {
                try await pool.transaction { transaction async throws in
                    let before = transaction.ask(insert, [.int8(1)])
                    let bad = transaction.ask(insert, [.int8(1)])
                    let after = transaction.ask(count)
                    for answer in [before, bad, after, before] {
                        seen.append(await failure { _ = try await answer.rows() }?.sqlState)
                    }
                }
            }
            #expect(seen == ["23505", "23505", "23505", "23505"])
            #expect(error?.sqlState == "23505")
            #expect(try await pool.query(count)[0].int(0) == 0)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aSerializationFailureAmongThemRepeatsTheTransaction() async throws {
        try await withPool(
            script: Self.table, configure: { $0.repeatBackoff = .milliseconds(1)...(.milliseconds(2)) }
        ) { pool async throws in
            var runs = 0
            let counted = try await pool.transaction { transaction async throws in
                runs += 1
                let inserted = transaction.ask(insert, [.int8(Int64(runs))])
                if runs < 3 { transaction.post(fail) }
                let counted = transaction.ask(count)
                _ = try await inserted.rows()
                return try await counted.rows()[0].int(0)
            }
            #expect(runs == 3)
            #expect(counted == 1)
            #expect(try await pool.query(read, [.int8(3)]).count == 1)
        }
    }

    @Loop @Test func aConnectionLostAmongThemRepeatsTheTransactionOnAnother() async throws {
        let end = PostgresStatement("end", "SELECT pg_terminate_backend(pg_backend_pid())")
        try await withPool(script: Self.table) { pool async throws in
            var runs = 0
            let counted = try await pool.transaction { transaction async throws in
                runs += 1
                let inserted = transaction.ask(insert, [.int8(1)])
                if runs == 1 { transaction.post(end) }
                let counted = transaction.ask(count)
                _ = try await inserted.rows()
                return try await counted.rows()[0].int(0)
            }
            #expect(runs == 2)
            #expect(counted == 1)
            #expect(pool.statistics.losses == 1)
        }
    }

    @Loop @Test func whatIsAskedAndNotWaitedForStillFailsTheCommit() async throws {
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool async throws in
            let error = await failure {
                try await pool.transaction { transaction async throws in
                    _ = transaction.ask(insert, [.int8(1)])
                    _ = transaction.ask(insert, [.int8(1)])
                }
            }
            #expect(error?.sqlState == "23505")
            #expect(try await pool.query(count)[0].int(0) == 0)
        }
    }

    @Loop @Test func theHookSeesWhatIsAskedInItsOrder() async throws {
        var seen: [String] = []
        try await withPool(
            script: Self.table, configure: { $0.beforeStatement = { statement in seen.append(statement.name) } }
        ) { pool async throws in
            try await pool.transaction { transaction async throws in
                let first = transaction.ask(count)
                transaction.post(insert, [.int8(1)])
                let second = transaction.ask(count)
                #expect(try await second.rows()[0].int(0) == 1)
                #expect(try await first.rows()[0].int(0) == 0)
            }
            #expect(seen == ["count", "insert", "count", "commit"])
        }
    }

    @Loop @Test func plansByKeyReadNoWholeTableHoweverSmallItIs() async throws {
        let explain = PostgresStatement("explain", "EXPLAIN SELECT n FROM t WHERE id = ANY('{1,2,3}')")
        @Loop func plan(_ plans: PostgresPlans) async throws -> String {
            try await withPool(script: Self.table, configure: { $0.plans = plans }) { pool async throws in
                for id in Int64(1)...3 { _ = try await pool.query(insert, [.int8(id)]) }
                try await pool.executeScript("ANALYZE t")
                return try await pool.query(explain).map { row throws in try row.text(0) }.joined()
            }
        }
        #expect(try await plan(.free).contains("Seq Scan"))
        let byKey = try await plan(.byKey)
        #expect(!byKey.contains("Seq Scan") && byKey.contains("t_pkey"))
    }
}
