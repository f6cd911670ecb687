import EventLoop
import TestSupport
import Testing

@testable import Postgres

@Suite struct PostgresErrorTests {
    init() { Loop.startThread() }

    struct Expectation: Sendable, CustomTestStringConvertible {
        let sqlState: String
        var isData = false
        var isSerialization = false
        var isUnreachable = false
        var isTransient = false
        var testDescription: String { sqlState }
    }

    @Test(arguments: [
        Expectation(sqlState: "22001", isData: true), Expectation(sqlState: "22P02", isData: true),
        Expectation(sqlState: "23505", isData: true), Expectation(sqlState: "23503", isData: true),
        Expectation(sqlState: "40001", isSerialization: true, isTransient: true),
        Expectation(sqlState: "40P01", isSerialization: true, isTransient: true),
        Expectation(sqlState: "40002"), Expectation(sqlState: "42601"), Expectation(sqlState: "42P01"),
        Expectation(sqlState: "25P02"), Expectation(sqlState: "P0001"),
        Expectation(sqlState: "08006", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "08P01", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "53100", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "53300", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "57P01", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "57P03", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "58030", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "XX001", isUnreachable: true, isTransient: true), Expectation(sqlState: "XX000"),
        Expectation(sqlState: "25006", isUnreachable: true, isTransient: true),
        Expectation(sqlState: "55P03", isTransient: true), Expectation(sqlState: "57014", isTransient: true),
    ])
    func sqlStatesAreClassifiedOnce(expectation: Expectation) {
        let error = PostgresError(.sql, sqlState: expectation.sqlState, "")
        #expect(error.isDataError == expectation.isData)
        #expect(error.isSerialization == expectation.isSerialization)
        #expect(error.isUnreachableStore == expectation.isUnreachable)
        #expect(error.isTransient == expectation.isTransient)
    }

    @Test(arguments: [
        (PostgresError.Kind.connectionLost, true), (.notConnected, true), (.timeout, true), (.sql, false),
        (.decoding, false),
    ])
    func kindsWithoutAnSQLStateAreClassified(kind: PostgresError.Kind, isUnreachable: Bool) {
        let error = PostgresError(kind, "")
        #expect(error.isUnreachableStore == isUnreachable)
        #expect(error.isTransient == isUnreachable)
        #expect(!error.isDataError)
    }

    @Test(arguments: [
        (
            "22P02", #"invalid input syntax for type integer: "4711 "secret"""#,
            "invalid input syntax for type integer: ***"
        ),
        (
            "22003", #"value "99999999999" is out of range for type integer"#,
            "value *** is out of range for type integer"
        ),
        ("22012", "division by zero", "division by zero"),
        ("23505", #"violates unique constraint "k""#, #"violates unique constraint "k""#),
    ])
    func valuesAreCutFromMessagesOfDataErrors(sqlState: String, message: String, safe: String) {
        #expect(PostgresError.safe(message, sqlState: sqlState) == safe)
    }

    @Loop @Test func aUniqueViolationNamesItsConstraintTableAndStatementButNoData() async throws {
        try await withPool(script: "CREATE TABLE t (a text CONSTRAINT only_once UNIQUE)") { pool async throws in
            let insert = PostgresStatement("insert-t", "INSERT INTO t VALUES ($1)")
            #expect(try await pool.query(insert, [.text("secret")]).affectedRows == 1)
            let error = await failure { _ = try await pool.query(insert, [.text("secret")]) }
            #expect(error?.sqlState == "23505")
            #expect(error?.isUniqueViolation == true)
            #expect(error?.constraint == "only_once")
            #expect(error?.table == "t")
            #expect(error?.statement == "insert-t")
            #expect(error?.description.contains("secret") == false)
        }
    }

    @Loop @Test func aDeferredConstraintFailsItsStatementThoughItIsCheckedOnlyAtTheCommit() async throws {
        let script = "CREATE TABLE t (a int8 CONSTRAINT late UNIQUE DEFERRABLE INITIALLY DEFERRED)"
        try await withPool(script: script, configure: { $0.poolSize = 1 }) { pool in
            let insert = PostgresStatement("insert", "INSERT INTO t VALUES ($1)")
            _ = try await pool.query(insert, [.int8(1)])
            #expect(await failure { _ = try await pool.query(insert, [.int8(1)]) }?.constraint == "late")
            let inTransaction = await failure {
                try await pool.transaction { transaction in _ = try await transaction.execute(insert, [.int8(1)]) }
            }
            #expect(inTransaction?.constraint == "late")
            #expect(try await pool.query(PostgresStatement("count", "SELECT count(*) FROM t"))[0].int(0) == 1)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aStatementThatDoesNotParseFailsAloneAndEachTime() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool async throws in
            let broken = PostgresStatement("broken", "SELECT FROM WHERE")
            for _ in 0..<2 {
                #expect(await failure { _ = try await pool.query(broken) }?.sqlState == "42601")
            }
            #expect(try await pool.query(PostgresStatement("one", "SELECT 1"))[0].int(0) == 1)
            #expect(pool.statistics.losses == 0)
        }
    }
}
