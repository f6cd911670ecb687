import Core
import EventLoop
import TestSupport
import Testing

@testable import Postgres

@Suite struct PostgresTypeTests {
    init() { Loop.startThread() }

    private static let uuid = UUID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
    private static let instant = EpochMilliseconds(rawValue: 1_762_165_800_123)

    @Loop @Test func scalarsComeBackAsTheyWent() async throws {
        try await withPool { pool in
            let statement = PostgresStatement(
                "scalars",
                "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f, $7 AS g, $8 AS h, $9 AS i, $10 AS j")
            let date = try #require(CivilDate("2024-02-29"))
            let rows = try await pool.query(
                statement,
                [
                    .int8(.min), .int4(-7), .bool(true), .text("héllo \u{1F600}"), .bytes([0, 255, 1]),
                    .uuid(Self.uuid),
                    .timestamp(Self.instant), .date(date), .json(["k": [1, nil, "x"]]),
                    .jsonBytes(Array(#"{"a": 1.50}"#.utf8)),
                ])
            let row = rows[0]
            #expect(rows.count == 1)
            #expect(try row.int(0) == .min)
            #expect(try row.int("b") == -7)
            #expect(try row.bool("c"))
            #expect(try row.text("d") == "héllo \u{1F600}")
            #expect(try row.bytes("e") == [0, 255, 1])
            #expect(try row.uuid("f") == Self.uuid)
            #expect(try row.timestamp("g") == Self.instant)
            #expect(try row.date("h") == date)
            #expect(try row.json("i") == ["k": [1, nil, "x"]])
            #expect(try row.jsonBytes("j") == Array(#"{"a": 1.50}"#.utf8))
        }
    }

    @Loop @Test func theServerReadsTheValuesAsWeMeanThem() async throws {
        try await withPool { pool in
            let statement = PostgresStatement(
                "as-text", "SELECT $1::text AS uuid, to_json($2) #>> '{}' AS time, $3::text AS date, $4::text AS bytes")
            let row = try await pool.query(
                statement,
                [
                    .uuid(Self.uuid), .timestamp(Self.instant), .date(try #require(CivilDate("1999-12-31"))),
                    .bytes([0xde, 0xad]),
                ])[0]
            #expect(try row.text("uuid") == Self.uuid.description)
            #expect(try row.text("time") == "2025-11-03T10:30:00.123+00:00")
            #expect(try row.text("date") == "1999-12-31")
            #expect(try row.text("bytes") == "\\xdead")
        }
    }

    @Loop @Test func emptyValuesAreNotNull() async throws {
        try await withPool { pool in
            let row = try await pool.query(
                PostgresStatement("empties", "SELECT $1 AS t, $2 AS b, $3 AS a, $4 AS j"),
                [.text(""), .bytes([]), .int8s([]), .json([])])[0]
            #expect(try row.text("t") == "")
            #expect(try row.bytes("b") == [])
            #expect(try row.ints("a") == [])
            #expect(try row.json("j") == [])
        }
    }

    @Loop @Test func nullGoesIntoEveryTypeAndComesBackAsNone() async throws {
        let script = """
            CREATE TABLE t (a int8, b int4, c bool, d text, e bytea, f uuid, g timestamptz, h date, i jsonb, j int8[])
            """
        try await withPool(script: script) { pool in
            let insert = PostgresStatement(
                "insert", "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *")
            let nulls = [PostgresValue](repeating: .null, count: 10)
            let row = try await pool.query(insert, nulls)[0]
            #expect(try row.optionalInt("a") == nil)
            #expect(try row.optionalInt("b") == nil)
            #expect(try row.optionalBool("c") == nil)
            #expect(try row.optionalText("d") == nil)
            #expect(try row.optionalBytes("e") == nil)
            #expect(try row.optionalUUID("f") == nil)
            #expect(try row.optionalTimestamp("g") == nil)
            #expect(try row.optionalDate("h") == nil)
            #expect(try row.optionalJSON("i") == nil)
            #expect(try row.isNull("j"))
            let error = await failure { _ = try row.int("a") }
            #expect(error?.kind == .decoding)
        }
    }

    @Loop @Test func aStatementFirstUsedWithNullLearnsTheTypesLater() async throws {
        try await withPool(script: "CREATE TABLE t (a int4, b text)", configure: { $0.poolSize = 1 }) { pool in
            let insert = PostgresStatement("insert", "INSERT INTO t VALUES ($1, $2) RETURNING a, b")
            _ = try await pool.query(insert, [.null, .null])
            #expect(try await pool.query(insert, [.int8(5), .null])[0].int("a") == 5)
            #expect(try await pool.query(insert, [.null, .text("x")])[0].text("b") == "x")
            #expect(try await pool.query(insert, [.int4(6), .text("y")])[0].int("a") == 6)
            #expect(try await pool.query(insert, [.int8(7), .text("z")])[0].int("a") == 7)
        }
    }

    @Loop @Test func arraysOfEveryTypeBecomeRowsWithTheirNulls() async throws {
        try await withPool { pool in
            let statement = PostgresStatement(
                "unnest",
                """
                SELECT a, b, c, d, e, f, g, h, i, j, b IS NULL AND c IS NULL AND i IS NULL AS none
                FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS u (a, b, c, d, e, f, g, h, i, j)
                """)
            let date = try #require(CivilDate("2025-01-31"))
            let rows = try await pool.query(
                statement,
                [
                    .int8s([1, nil, .max]), .int4s([4, nil, .min]), .bools([true, nil, false]), .texts(["a", nil, ""]),
                    .bytesArray([[1], nil, []]), .uuids([Self.uuid, nil, Self.uuid]),
                    .timestamps([Self.instant, nil, Self.instant]), .dates([date, nil, date]),
                    .jsons([["x": 1], nil, JSON.null]), .jsonBytesArray([Array("1".utf8), nil, Array("[]".utf8)]),
                ])
            #expect(try rows.map { (row) throws in try row.optionalInt("a") } == [1, nil, .max])
            #expect(try rows.map { (row) throws in try row.optionalInt("b") } == [4, nil, Int64(Int32.min)])
            #expect(try rows.map { (row) throws in try row.optionalBool("c") } == [true, nil, false])
            #expect(try rows.map { (row) throws in try row.optionalText("d") } == ["a", nil, ""])
            #expect(try rows.map { (row) throws in try row.optionalBytes("e") } == [[1], nil, []])
            #expect(try rows.map { (row) throws in try row.optionalUUID("f") } == [Self.uuid, nil, Self.uuid])
            #expect(
                try rows.map { (row) throws in try row.optionalTimestamp("g") } == [Self.instant, nil, Self.instant])
            #expect(try rows.map { (row) throws in try row.optionalDate("h") } == [date, nil, date])
            #expect(try rows.map { (row) throws in try row.optionalJSON("i") } == [["x": 1], nil, JSON.null])
            #expect(try rows.map { (row) throws in try row.optionalJSON("j") } == [1, nil, []])
            #expect(try rows.map { (row) throws in try row.bool("none") } == [false, true, false])
        }
    }

    @Loop @Test func arraysAreReadFromAnAnswer() async throws {
        try await withPool { pool in
            let row = try await pool.query(
                PostgresStatement(
                    "arrays",
                    "SELECT $1 AS i, ARRAY[1, NULL]::int4[] AS i4, $2 AS t, $3 AS u, $4 AS b, ARRAY[[1], [2]] AS two"),
                [
                    .int8s([3, nil]), .texts(["a,b", nil, "{"]), .uuids([Self.uuid, nil]), .bytesArray([[7], nil]),
                ])[0]
            #expect(try row.ints("i") == [3, nil])
            #expect(try row.ints("i4") == [1, nil])
            #expect(try row.texts("t") == ["a,b", nil, "{"])
            #expect(try row.uuids("u") == [Self.uuid, nil])
            #expect(try row.bytesArray("b") == [[7], nil])
            #expect(await failure { _ = try row.ints("two") }?.kind == .decoding)
            #expect(await failure { _ = try row.texts("i") }?.kind == .decoding)
        }
    }

    @Loop @Test func wholeNumericsAreIntegersAndOthersAreRefused() async throws {
        try await withPool { pool in
            let numbers: [Int64] = [0, 1, -1, 9999, 10_000, -10_000, 100_000_000, 123_456_789_012, .max, .min]
            for number in numbers {
                let row = try await pool.query(
                    PostgresStatement("sum", "SELECT sum(x) AS s FROM unnest($1) AS u (x)"), [.int8s([number])])[0]
                #expect(try row.int("s") == number)
            }
            for text in ["0.5", "10000.0001", "9223372036854775808", "-9223372036854775809", "1e30", "NaN"] {
                let row = try await pool.query(
                    PostgresStatement("numeric", "SELECT $1::numeric AS n"), [.text(text)])[0]
                #expect(await failure { _ = try row.int("n") }?.kind == .decoding, "\(text)")
            }
        }
    }

    @Loop @Test func otherIntegerWidthsTextTypesAndFloatsAreRead() async throws {
        let script = "CREATE TYPE mood AS ENUM ('good', 'bad')"
        try await withPool(script: script) { pool in
            let row = try await pool.query(
                PostgresStatement(
                    "widths",
                    """
                    SELECT 7::int2 AS i2, 9::oid AS o, 'v'::varchar AS v, 'n'::name AS n, 'c '::char(2) AS c,
                        'bad'::mood AS m, 0.25::float8 AS d, 0.5::float4 AS f
                    """))[0]
            #expect(try row.int("i2") == 7)
            #expect(try row.int("o") == 9)
            #expect(try row.text("v") == "v")
            #expect(try row.text("n") == "n")
            #expect(try row.text("c") == "c ")
            #expect(try row.text("m") == "bad")
            #expect(try row.double("d") == 0.25)
            #expect(try row.double("f") == 0.5)
        }
    }

    @Loop @Test func timesBefore2000AndMicrosecondsAreCutDownwards() async throws {
        try await withPool { pool in
            let row = try await pool.query(
                PostgresStatement(
                    "times",
                    """
                    SELECT '1969-12-31T23:59:59.999999Z'::timestamptz AS a, '2001-01-01T00:00:00.000999Z'::timestamptz AS b,
                        'infinity'::timestamptz AS c, '-infinity'::date AS d, '0001-01-01'::date AS e
                    """))[0]
            #expect(try row.timestamp("a") == EpochMilliseconds(rawValue: -1))
            #expect(try row.timestamp("b") == EpochMilliseconds(rawValue: 978_307_200_000))
            #expect(await failure { _ = try row.timestamp("c") }?.kind == .decoding)
            #expect(await failure { _ = try row.date("d") }?.kind == .decoding)
            #expect(try row.date("e") == CivilDate("0001-01-01"))
        }
    }

    @Loop @Test func anotherTypeOrColumnIsADecodingError() async throws {
        try await withPool { pool in
            let row = try await pool.query(PostgresStatement("one", "SELECT 'x'::text AS t, 1 AS i"))[0]
            #expect(await failure { _ = try row.int("t") }?.kind == .decoding)
            #expect(await failure { _ = try row.text("i") }?.kind == .decoding)
            #expect(await failure { _ = try row.uuid("t") }?.kind == .decoding)
            #expect(await failure { _ = try row.int("nothing") }?.kind == .decoding)
            #expect(await failure { _ = try row.int(2) }?.kind == .decoding)
            #expect(await failure { _ = try row.int(-1) }?.kind == .decoding)
        }
    }

    @Loop @Test func aTimestampBeyondTheWireIsADataErrorAndHarmsNothing() async throws {
        try await withPool(configure: { $0.poolSize = 1 }) { pool async throws in
            let statement = PostgresStatement("far", "SELECT $1 AS t")
            let error = await failure {
                _ = try await pool.query(statement, [.timestamp(EpochMilliseconds(rawValue: .max))])
            }
            #expect(error?.sqlState == "22008")
            #expect(error?.isDataError == true)
            #expect(error?.statement == "far")
            #expect(try await pool.query(statement, [.timestamp(Self.instant)])[0].timestamp("t") == Self.instant)
            #expect(pool.statistics.losses == 0)
        }
    }

    @Loop @Test func aLargeBatchFitsThroughTheSocketBothWays() async throws {
        try await withPool { pool in
            let texts = (0..<20_000).map { "row \($0) " + String(repeating: "x", count: 200) }
            let rows = try await pool.query(
                PostgresStatement("large", "SELECT t FROM unnest($1) WITH ORDINALITY AS u (t, n) ORDER BY n"),
                [.texts(texts)])
            #expect(rows.count == texts.count)
            #expect(try rows[19_999].text(0) == texts[19_999])
        }
    }
}
