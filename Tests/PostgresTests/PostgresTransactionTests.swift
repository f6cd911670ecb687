import EventLoop
import TestSupport
import Testing

@testable import Postgres

@Suite struct PostgresTransactionTests {
    init() { Loop.startThread() }

    private static let table = "CREATE TABLE t (id int8 PRIMARY KEY, n int8 NOT NULL DEFAULT 0)"
    private let insert = PostgresStatement("insert", "INSERT INTO t (id) VALUES ($1)")
    private let count = PostgresStatement("count", "SELECT count(*) FROM t")
    private let increment = PostgresStatement("increment", "UPDATE t SET n = n + 1 WHERE id = $1")
    private let read = PostgresStatement("read", "SELECT n FROM t WHERE id = $1")
    private let processID = PostgresStatement("pid", "SELECT pg_backend_pid()")

    @Loop private func rows(_ pool: PostgresPool) async throws -> Int64 { try await pool.query(count)[0].int(0) }

    @Loop @Test func postedAndExecutedStatementsCommitTogether() async throws {
        try await withPool(script: Self.table) { pool in
            let seen = try await pool.transaction { transaction in
                transaction.post(insert, [.int8(1)])
                transaction.post(insert, [.int8(2)])
                let seen = try await transaction.execute(count)[0].int(0)
                transaction.post(insert, [.int8(3)])
                return seen
            }
            #expect(seen == 2)
            #expect(try await rows(pool) == 3)
        }
    }

    @Loop @Test func aTransactionOfPostsAloneIsCommitted() async throws {
        try await withPool(script: Self.table) { pool in
            try await pool.transaction { transaction in transaction.post(insert, [.int8(1)]) }
            #expect(try await rows(pool) == 1)
        }
    }

    @Loop @Test func aTransactionWithoutStatementsSendsNothing() async throws {
        try await withPool { pool async throws in
            #expect(try await pool.transaction { _ in 5 } == 5)
        }
    }

    @Loop @Test func statementsSentAtTheSameTimeAnswerEachTheirOwn() async throws {
        try await withPool { pool in
            let echo = PostgresStatement("echo", "SELECT $1 AS x")
            try await pool.transaction { transaction async throws in
                async let first = transaction.execute(echo, [.int8(1)])
                async let second = transaction.execute(echo, [.int8(2)])
                #expect(try await first[0].int(0) == 1)
                #expect(try await second[0].int(0) == 2)
            }
        }
    }

    @Loop @Test func whoWatchesTransactionsIsToldOfEachBeginAndEnd() async throws {
        struct Refusal: Error {}
        @Loop final class Watched {
            var changes: [Int] = []
        }
        let watched = Watched()
        try await withPool(script: Self.table, configure: { $0.onTransaction = { watched.changes.append($0) } }) {
            pool async throws in
            _ = try await pool.transaction { _ in 5 }
            #expect(watched.changes.isEmpty)
            try await pool.transaction { transaction async throws in
                _ = try await transaction.execute(insert, [.int8(1)])
                #expect(watched.changes == [1])
            }
            #expect(watched.changes == [1, -1])
            await #expect(throws: Refusal.self) {
                try await pool.transaction { transaction in
                    _ = try await transaction.execute(insert, [.int8(2)])
                    throw Refusal()
                }
            }
            #expect(watched.changes == [1, -1, 1, -1])
            // The posted one fails, which only the commit brings to light.
            await #expect(throws: PostgresError.self) {
                try await pool.transaction { transaction in transaction.post(insert, [.int8(1)]) }
            }
            #expect(watched.changes == [1, -1, 1, -1, 1, -1])
        }
    }

    @Loop @Test func whatTheBodyThrowsRollsBackAndIsThrownOn() async throws {
        struct Refusal: Error {}
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool async throws in
            await #expect(throws: Refusal.self) {
                try await pool.transaction { transaction in
                    _ = try await transaction.execute(insert, [.int8(1)])
                    transaction.post(insert, [.int8(2)])
                    throw Refusal()
                }
            }
            #expect(try await rows(pool) == 0)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aFailedPostSurfacesAtTheNextExecute() async throws {
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool async throws in
            var inside: PostgresError?
            let outside = await failure {
                try await pool.transaction { transaction in
                    transaction.post(insert, [.int8(1)])
                    transaction.post(insert, [.int8(1)])
                    inside = await failure { _ = try await transaction.execute(count) }
                    throw try #require(inside)
                }
            }
            #expect(inside?.sqlState == "23505")
            #expect(outside?.sqlState == "23505")
            #expect(try await rows(pool) == 0)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aFailedPostSurfacesAtTheCommit() async throws {
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool async throws in
            let error = await failure {
                try await pool.transaction { transaction in
                    transaction.post(insert, [.int8(1)])
                    transaction.post(insert, [.int8(1)])
                }
            }
            #expect(error?.sqlState == "23505")
            #expect(error?.commitUnknown == false)
            #expect(try await rows(pool) == 0)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aSwallowedFailureStillFailsTheTransaction() async throws {
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool async throws in
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.execute(insert, [.int8(1)])
                    #expect(await failure { _ = try await transaction.execute(insert, [.int8(1)]) } != nil)
                    // Says again what failed first, not "current transaction is aborted".
                    #expect(await failure { _ = try await transaction.execute(count) }?.sqlState == "23505")
                }
            }
            #expect(error?.sqlState == "23505")
            #expect(try await rows(pool) == 0)
        }
    }

    @Loop @Test func anErrorLeavesTheSegmentsAfterItAlone() async throws {
        try await withPool(script: Self.table, configure: { $0.poolSize = 1 }) { pool in
            _ = try await pool.query(insert, [.int8(1)])
            for id in Int64(2)...5 {
                _ = await failure {
                    try await pool.transaction { transaction in
                        transaction.post(insert, [.int8(1)])
                        transaction.post(PostgresStatement("never-prepared-\(id)", "SELECT 1"))
                    }
                }
                try await pool.transaction { transaction in
                    transaction.post(PostgresStatement("never-prepared-\(id)", "SELECT 1"))
                    transaction.post(insert, [.int8(id)])
                }
            }
            #expect(try await rows(pool) == 5)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aDeadlockRepeatsTheTransactionThatLost() async throws {
        try await withPool(script: Self.table + "; INSERT INTO t VALUES (1), (2)") { pool in
            let firstHolds = Gate()
            let secondHolds = Gate()
            var runs = 0
            @Loop func run(_ mine: Int64, _ other: Int64, _ holds: Gate, _ otherHolds: Gate) async throws {
                try await pool.transaction { transaction in
                    runs += 1
                    _ = try await transaction.execute(increment, [.int8(mine)])
                    holds.open()
                    await otherHolds.wait()
                    _ = try await transaction.execute(increment, [.int8(other)])
                }
            }
            let other = Task { @Loop in try await run(2, 1, secondHolds, firstHolds) }
            try await run(1, 2, firstHolds, secondHolds)
            try await other.value
            #expect(runs >= 3)
            #expect(pool.statistics.repeatedTransactions == runs - 2)
            for id in Int64(1)...2 { #expect(try await pool.query(read, [.int8(id)])[0].int(0) == 2) }
        }
    }

    @Loop @Test func serializationFailuresAreRepeatedUpToTheBoundAndThenThrown() async throws {
        try await withPool(configure: { $0.repeatBackoff = .milliseconds(1)...(.milliseconds(2)) }) { pool in
            let fail = PostgresStatement("fail", "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$")
            var runs = 0
            let error = await failure {
                try await pool.transaction(retries: 3) { transaction in
                    runs += 1
                    transaction.post(fail)
                }
            }
            #expect(error?.isSerialization == true)
            #expect(runs == 4)
        }
    }

    @Loop @Test func aKilledBackendRepeatsTheTransactionOnAnotherConnection() async throws {
        try await withPool(script: Self.table) { pool in
            var runs = 0
            try await pool.transaction { transaction in
                runs += 1
                _ = try await transaction.execute(insert, [.int8(1)])
                let backend = try await transaction.execute(processID)[0].int(0)
                if runs == 1 {
                    try await terminate(backend, pool)
                    // What is sent after the loss was seen is surely not executed.
                    try await eventually(within: .seconds(10)) { pool.statistics.losses == 1 }
                }
                transaction.post(insert, [.int8(2)])
            }
            #expect(runs == 2)
            #expect(try await rows(pool) == 2)
            #expect(pool.statistics.losses == 1)
            try await eventually(within: .seconds(10)) { pool.load.ready == pool.configuration.poolSize }
        }
    }

    @Loop @Test func lossesAreRepeatedOnlyUpToTheirBound() async throws {
        try await withPool(configure: { $0.lostConnectionRepeatsMax = 1 }) { pool in
            var runs = 0
            let error = await failure {
                try await pool.transaction { transaction in
                    runs += 1
                    let backend = try await transaction.execute(processID)[0].int(0)
                    try await terminate(backend, pool)
                    _ = try await transaction.execute(processID)
                }
            }
            #expect(runs == 2)
            #expect(error?.kind == .connectionLost)
            #expect(error?.sqlState == "57P01" || error?.sqlState == nil)
            #expect(error?.commitUnknown == false)
        }
    }

    @Loop private func terminate(_ backend: Int64, _ pool: PostgresPool) async throws {
        _ = try await pool.query(
            PostgresStatement("terminate", "SELECT pg_terminate_backend($1::int4, 5000)"), [.int8(backend)])
    }

    @Loop @Test func aLostCommitIsUnknownAndNotRepeated() async throws {
        let server = try await TestServers.postgres
        let proxy = try TestProxy(to: server.port)
        defer { proxy.close() }
        try await withPool(script: Self.table) { pool async throws in
            var configuration = pool.configuration
            configuration.address = .ip(proxy.host, port: proxy.port)
            configuration.poolSize = 1
            let proxied = PostgresPool(configuration)
            proxied.start()
            var runs = 0
            let error = await failure {
                try await proxied.transaction { transaction in
                    runs += 1
                    _ = try await transaction.execute(insert, [.int8(1)])
                    // The server hears the COMMIT; its answer is never passed on.
                    proxy.towardsClient = .hold
                    Task { @Loop in
                        try await eventually(within: .seconds(10)) { try await self.rows(pool) == 1 }
                        proxy.cutNow()
                    }
                }
            }
            #expect(runs == 1)
            #expect(error?.kind == .connectionLost)
            #expect(error?.commitUnknown == true)
            await proxied.close()
            #expect(try await rows(pool) == 1)
        }
    }

    @Loop @Test func anAnswerCutAtAnyByteIsNeverTakenForAnother() async throws {
        let server = try await TestServers.postgres
        let proxy = try TestProxy(to: server.port)
        defer { proxy.close() }
        try await withPool(script: Self.table) { pool in
            var configuration = pool.configuration
            configuration.address = .ip(proxy.host, port: proxy.port)
            configuration.poolSize = 1
            configuration.lostConnectionRepeatsMax = 0
            configuration.reconnectBackoff = .milliseconds(1)...(.milliseconds(2))
            let proxied = PostgresPool(configuration)
            proxied.start()
            var committed: Set<Int64> = []
            var unknown: Set<Int64> = []
            var lost = 0
            for id in Int64(0)..<160 {
                try await proxied.waitUntilReady(within: .seconds(10))
                proxy.cut(id.isMultiple(of: 2) ? .towardsClient : .towardsServer, afterBytes: 1 + Int(id) * 3)
                let error = await failure {
                    try await proxied.transaction { transaction in
                        transaction.post(insert, [.int8(id)])
                        _ = try await transaction.execute(read, [.int8(id)])
                        transaction.post(increment, [.int8(id)])
                    }
                }
                proxy.cutNow()
                guard let error else {
                    committed.insert(id)
                    continue
                }
                #expect(error.kind == .connectionLost, "\(error)")
                if error.commitUnknown { unknown.insert(id) } else { lost += 1 }
            }
            await proxied.close()
            let ids = try await pool.query(PostgresStatement("ids", "SELECT id FROM t WHERE n = 1"))
            let stored = Set(try ids.map { (row) throws in try row.int(0) })
            #expect(committed.isSubset(of: stored))
            #expect(stored.isSubset(of: committed.union(unknown)))
            #expect(!committed.isEmpty && !unknown.isEmpty && lost > 0, "the cuts did not reach every case")
        }
    }

    @Loop @Test func answersThatComeInTinyPiecesAreTheSame() async throws {
        let server = try await TestServers.postgres
        let proxy = try TestProxy(to: server.port)
        defer { proxy.close() }
        try await withPool(
            script: Self.table,
            configure: {
                $0.address = .ip(proxy.host, port: proxy.port)
                $0.poolSize = 1
            }
        ) { pool in
            try await pool.waitUntilReady(within: .seconds(5))
            // The proxy needs a millisecond for each piece.
            proxy.pieceBytesMax = 3
            for id in Int64(1)...2 {
                let seen = try await pool.transaction { transaction in
                    transaction.post(insert, [.int8(id)])
                    let seen = try await transaction.execute(count)[0].int(0)
                    transaction.post(increment, [.int8(id)])
                    return seen
                }
                #expect(seen == id)
            }
        }
    }

    @Loop @Test func aTransactionLeftIdleForTooLongIsRepeated() async throws {
        try await withPool(
            script: Self.table, configure: { $0.idleInTransactionTimeout = .milliseconds(400) }
        ) { pool in
            var reasons: [PostgresError] = []
            let lost = Gate()
            pool.onEvent = { event in
                if case .lost(let reason) = event {
                    reasons.append(reason)
                    lost.open()
                }
            }
            var runs = 0
            try await pool.transaction { transaction in
                runs += 1
                _ = try await transaction.execute(insert, [.int8(1)])
                if runs == 1 { await lost.wait() }
                transaction.post(increment, [.int8(1)])
            }
            #expect(runs == 2)
            #expect(reasons.map(\.sqlState) == ["25P03"])
            #expect(try await pool.query(read, [.int8(1)])[0].int(0) == 1)
        }
    }

    @Loop @Test func theHookSeesEachStatementBeforeItIsSent() async throws {
        var seen: [String] = []
        try await withPool(
            script: Self.table,
            configure: { $0.beforeStatement = { statement in seen.append(statement.name) } }
        ) { pool in
            try await pool.transaction { transaction in
                transaction.post(insert, [.int8(1)])
                _ = try await transaction.execute(count)
                transaction.post(insert, [.int8(2)])
            }
            #expect(try await rows(pool) == 2)
            #expect(seen == ["insert", "count", "insert", "commit", "count"])
        }
    }
}
