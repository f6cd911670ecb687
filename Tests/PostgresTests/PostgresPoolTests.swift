import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite struct PostgresPoolTests {
    init() { Loop.startThread() }

    private let one = PostgresStatement("one", "SELECT 1")
    private let processID = PostgresStatement("pid", "SELECT pg_backend_pid()")
    private let sleep = PostgresStatement("sleep", "SELECT pg_sleep(60)")

    @Loop @Test func sessionsCarryTheConfiguredSettings() async throws {
        try await withPool(configure: {
            $0.schema = "a \"b\\ c"
            $0.statementTimeout = .milliseconds(4001)
            $0.lockTimeout = .milliseconds(3002)
            $0.idleInTransactionTimeout = .milliseconds(2003)
            $0.applicationName = "wire test"
        }) { pool async throws in
            @Loop func setting(_ name: String) async throws -> String {
                try await pool.query(PostgresStatement("show", "SELECT current_setting($1)"), [.text(name)])[0].text(0)
            }
            #expect(try await setting("statement_timeout") == "4001ms")
            #expect(try await setting("lock_timeout") == "3002ms")
            #expect(try await setting("idle_in_transaction_session_timeout") == "2003ms")
            #expect(try await setting("application_name") == "wire test")
            #expect(try await setting("TimeZone") == "UTC")
            #expect(try await setting("search_path") == "\"a \"\"b\\ c\"")
            #expect(try await setting("client_encoding") == "UTF8")
        }
    }

    @Loop @Test func aUnixSocketServesAsWell() async throws {
        let server = try await TestServers.postgres
        try await withPool(configure: { $0.address = .socketDirectory(server.directory, port: server.port) }) {
            pool async throws in
            #expect(try await pool.query(one)[0].int(0) == 1)
        }
    }

    @Loop @Test func statementsArePreparedOncePerConnection() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool in
            for _ in 0..<3 { _ = try await pool.query(one) }
            let known = PostgresStatement(
                "known", "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1'")
            #expect(try await pool.query(known)[0].int(0) == 1)
        }
    }

    @Loop @Test func beyondTheLimitStatementsStillRunUnprepared() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool async throws in
            for number in 0..<PreparedStatements.countMax + 20 {
                let statement = PostgresStatement("made-\(number)", "SELECT $1 + \(number)")
                #expect(try await pool.query(statement, [.int8(1)])[0].int(0) == Int64(number + 1))
            }
            let known = PostgresStatement("known", "SELECT count(*) FROM pg_prepared_statements")
            #expect(try await pool.query(known)[0].int(0) == Int64(PreparedStatements.countMax))
        }
    }

    @Loop @Test func aTableThatChangesUnderAPreparedStatementIsNoError() async throws {
        try await withPool(script: "CREATE TABLE t (a int4)", configure: { $0.poolSize = 1 }) { pool async throws in
            let all = PostgresStatement("all", "SELECT * FROM t")
            #expect(try await pool.query(all).isEmpty)
            try await pool.executeScript("ALTER TABLE t ADD COLUMN b text; INSERT INTO t VALUES (1, 'x')")
            #expect(try await pool.query(all)[0].text("b") == "x")
            try await pool.executeScript("ALTER TABLE t DROP COLUMN b")
            let rows = try await pool.transaction { transaction in try await transaction.execute(all) }
            #expect(rows.count == 1)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func callersWaitInTheirOrder() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool in
            let connection = try await pool.acquire()
            var served: [Int] = []
            let tasks = (0..<5).map { number in
                Task { @Loop in
                    _ = try await pool.query(one)
                    served.append(number)
                }
            }
            try await eventually(within: .seconds(10)) { pool.load.waiting == 5 }
            pool.release(connection)
            for task in tasks { try await task.value }
            #expect(served == [0, 1, 2, 3, 4])
        }
    }

    @Loop @Test func waitingHasADeadline() async throws {
        try await withPool(configure: {
            $0.poolSize = 1
            $0.acquireTimeout = .milliseconds(60)
        }) { pool in
            let connection = try await pool.acquire()
            let late = await failure { _ = try await pool.query(one) }
            #expect(late?.kind == .notConnected)
            #expect(pool.statistics.refusedWaiters == 1)
            pool.release(connection)
            #expect(try await pool.query(one)[0].int(0) == 1)
        }
    }

    @Loop @Test func waitingHasABound() async throws {
        // A deadline that a slow machine cannot reach while the bound is looked at.
        try await withPool(configure: {
            $0.poolSize = 1
            $0.waitersMax = 1
            $0.acquireTimeout = .seconds(60)
        }) { pool in
            let connection = try await pool.acquire()
            async let waiting = pool.query(one)
            try await eventually(within: .seconds(10)) { pool.load.waiting == 1 }
            let refused = await failure { _ = try await pool.query(one) }
            #expect(refused?.kind == .notConnected)
            #expect(refused?.message.contains("wait for a connection already") == true)
            pool.release(connection)
            #expect(try await waiting[0].int(0) == 1)
        }
    }

    @Loop @Test func aLockNotGotInTimeIsSaidSo() async throws {
        let script = "CREATE TABLE t (id int8 PRIMARY KEY); INSERT INTO t VALUES (1)"
        try await withPool(script: script, configure: { $0.lockTimeout = .milliseconds(50) }) { pool in
            let lock = PostgresStatement("lock", "SELECT id FROM t WHERE id = 1 FOR UPDATE")
            try await pool.transaction { holder in
                _ = try await holder.execute(lock)
                let error = await failure {
                    try await pool.transaction { transaction in _ = try await transaction.execute(lock) }
                }
                #expect(error?.sqlState == "55P03")
                #expect(error?.isTransient == true)
            }
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func theServerEndsAStatementThatRunsTooLong() async throws {
        try await withPool(configure: { $0.statementTimeout = .milliseconds(50) }) { pool in
            #expect(await failure { _ = try await pool.query(sleep) }?.sqlState == "57014")
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aServerThatStandsStillIsNoticedAndComesBack() async throws {
        let server = try await PrivatePostgres.start(options: ["fsync=off"])
        defer { server.stop() }
        try await withPool(
            on: server,
            configure: {
                $0.statementTimeout = .milliseconds(100)
                $0.replyMargin = .milliseconds(100)
                $0.connectTimeout = .milliseconds(300)
                $0.acquireTimeout = .milliseconds(500)
            }
        ) { pool in
            _ = try await pool.query(one)
            server.pause()
            let start = Loop.monotonicMilliseconds
            let error = await failure { _ = try await pool.query(one) }
            #expect(error?.kind == .timeout)
            #expect(Loop.monotonicMilliseconds - start < 5000)
            // Every connection is found out, and no new one can be made.
            try await eventually(within: .seconds(20)) {
                let error = await failure { _ = try await pool.query(one) }
                return error?.kind == .notConnected
            }
            server.resume()
            try await eventually(within: .seconds(20)) { await failure { _ = try await pool.query(one) } == nil }
        }
    }

    @Loop @Test func silenceAfterCommitLeavesItsOutcomeUnknown() async throws {
        let server = try await PrivatePostgres.start(options: ["fsync=off"])
        defer { server.stop() }
        try await withPool(
            on: server,
            configure: {
                $0.statementTimeout = .milliseconds(100)
                $0.replyMargin = .milliseconds(100)
            }
        ) { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.execute(one)
                    server.pause()
                }
            }
            server.resume()
            #expect(error?.kind == .timeout)
            #expect(error?.commitUnknown == true)
        }
    }

    @Loop @Test func aPoolUnderLoadRecoversFromARestartByItself() async throws {
        let server = try await PrivatePostgres.start()
        defer { server.stop() }
        try await withPool(on: server, script: "CREATE TABLE t (id int8 PRIMARY KEY)") { pool in
            let insert = PostgresStatement("insert", "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING")
            var next: Int64 = 0
            var acknowledged: Set<Int64> = []
            var failures = 0
            var isStopping = false
            let tasks = (0..<8).map { _ in
                Task { @Loop in
                    while !isStopping {
                        next += 1
                        let id = next
                        let error = await failure {
                            try await pool.transaction { transaction in transaction.post(insert, [.int8(id)]) }
                        }
                        guard let error else {
                            acknowledged.insert(id)
                            continue
                        }
                        #expect(error.isUnreachableStore, "\(error)")
                        failures += 1
                    }
                }
            }
            try await eventually(within: .seconds(20)) { acknowledged.count > 200 }
            try await server.restart()
            let before = acknowledged.count
            try await eventually(within: .seconds(20)) { acknowledged.count > before + 200 }
            isStopping = true
            for task in tasks { await task.value }
            let stored = try await pool.query(PostgresStatement("ids", "SELECT id FROM t"))
            let ids = Set(try stored.map { (row) throws in try row.int(0) })
            #expect(acknowledged.isSubset(of: ids))
            #expect(pool.statistics.losses >= pool.configuration.poolSize)
            try await eventually(within: .seconds(10)) { pool.load.ready == pool.configuration.poolSize }
        }
    }

    @Loop @Test func aKilledIdleConnectionIsReplacedBeforeAnyoneNeedsIt() async throws {
        try await withPool(configure: { $0.poolSize = 2 }) { pool in
            try await eventually(within: .seconds(10)) { pool.load.ready == 2 }
            let victim = try await pool.query(processID)[0].int(0)
            try await pool.withConnection { session in
                _ = try await session.query(
                    PostgresStatement("kill", "SELECT pg_terminate_backend($1::int4)"), [.int8(victim)])
            }
            try await eventually(within: .seconds(10)) { pool.statistics.connects == 3 && pool.load.ready == 2 }
            #expect(pool.statistics.losses == 1)
        }
    }

    @Loop @Test func whyThereIsNoConnectionIsSaid() async throws {
        var configuration = PostgresConfiguration(
            address: .ip("127.0.0.1", port: try TestPort.free()), user: "nobody", database: "none")
        configuration.acquireTimeout = .milliseconds(60)
        let pool = PostgresPool(configuration)
        var events = 0
        pool.onEvent = { event in if case .connectFailed = event { events += 1 } }
        pool.start()
        let error = await failure { try await pool.waitUntilReady(within: .milliseconds(60)) }
        #expect(error?.kind == .notConnected)
        #expect(error?.message.contains("refused") == true)
        #expect(events > 0)
        #expect(!pool.isReady)
        await pool.close()
    }

    @Loop @Test func closingWaitsForThoseWhoHaveAConnectionAndRefusesTheOthers() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool in
            let started = Gate()
            let mayEnd = Gate()
            let transaction = Task { @Loop in
                try await pool.transaction { transaction in
                    _ = try await transaction.execute(one)
                    started.open()
                    await mayEnd.wait()
                    return try await transaction.execute(one)[0].int(0)
                }
            }
            await started.wait()
            async let waiting = failure { _ = try await pool.query(one) }
            try await eventually(within: .seconds(10)) { pool.load.waiting == 1 }
            var isClosed = false
            let closing = Task { @Loop in
                await pool.close()
                isClosed = true
            }
            #expect(await waiting?.kind == .notConnected)
            #expect(await failure { _ = try await pool.query(one) }?.kind == .notConnected)
            #expect(!isClosed)
            mayEnd.open()
            #expect(try await transaction.value == 1)
            await closing.value
        }
    }

    @Loop @Test func closingDoesNotWaitForEver() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool in
            async let stuck = failure { _ = try await pool.query(sleep) }
            try await eventually(within: .seconds(10)) { pool.load.busy == 1 }
            await pool.close(within: .milliseconds(20))
            #expect(await stuck?.isUnreachableStore == true)
        }
    }
}
