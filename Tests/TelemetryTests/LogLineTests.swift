import Core
import Testing

@testable import Telemetry

@Suite struct LogLineTests {
    private static let time = EpochMilliseconds(rawValue: 1_762_165_800_000)

    private func line(
        _ message: StaticString = "m", context: [UInt8] = [], _ fields: KeyValuePairs<String, LogValue> = [:]
    ) -> [UInt8] {
        LogLine.render(
            time: Self.time, level: .info, component: "fleet", message: message, context: context, fields: fields)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func parsed(_ bytes: [UInt8]) throws -> JSON {
        #expect(bytes.last == 0x0A)
        #expect(bytes.filter { $0 == 0x0A }.count == 1, "a line is one line")
        return try JSON.parse(Array(bytes.dropLast()))
    }

    @Test func aLineIsOneObjectInAFixedOrder() {
        let bytes = line(
            "started",
            [
                "http.metrics_port": .int(4001), "ok": true, "ratio": .double(0.5), "names": .strings(["a", "b"]),
                "wait_ms": .milliseconds(.seconds(2)),
            ])
        #expect(
            text(bytes)
                == #"{"time":"2025-11-03T10:30:00.000Z","level":"info","component":"fleet","message":"started","#
                + #""http.metrics_port":4001,"ok":true,"ratio":0.5,"names":["a","b"],"wait_ms":2000}"# + "\n")
    }

    @Test(arguments: [
        "quote \" and backslash \\", "line\nfeed\r\ttab", "\u{1}\u{8}\u{1F}\u{7F}", "한국어 🙂 \u{2028}", "</script>",
    ])
    func whatIsWrittenIsReadBack(_ value: String) throws {
        let json = try parsed(line("m", [value: .string(value)]))
        #expect(json[value]?.string == value)
    }

    @Test func aNulIsEscapedLikeEveryControlCharacter() {
        // The house's own parser refuses it, so it is looked at as text.
        #expect(text(line("m", ["a": "\u{0}"])).hasSuffix(#""a":"\u0000"}"# + "\n"))
    }

    @Test func numbersThatJSONHasNotBecomeNull() throws {
        let json = try parsed(line("m", ["a": .double(.infinity), "b": .double(.nan), "c": .double(1e300)]))
        #expect(json["a"] == .null)
        #expect(json["b"] == .null)
        #expect(json["c"] != .null)
    }

    @Test func aLongValueIsCutBetweenTwoScalars() throws {
        let json = try parsed(line("m", ["long": .string(String(repeating: "é", count: 5000))]))
        let value = try #require(json["long"]?.string)
        #expect(value == String(repeating: "é", count: LogLine.valueBytesMax / 2) + "…")
    }

    @Test func aLineNeverOutgrowsAPipesAtom() throws {
        // Control characters grow sixfold by escaping: the worst case for the limit.
        let worst = LogValue.string(String(repeating: "\u{1}", count: 2000))
        let bytes = line("m", ["a": worst, "b": worst, "small": 1])
        #expect(bytes.count <= LogLine.bytesMax)
        let json = try parsed(bytes)
        #expect(json["truncated"]?.bool == true)
        #expect(json["small"]?.integer == 1, "what still fits is kept")
        let list = try parsed(line("m", ["many": .strings([String](repeating: "x", count: 1000))]))
        #expect(list["many"]?.array?.count == LogLine.listCountMax)
    }

    @Test func contextStandsBeforeTheFields() throws {
        let context = LogLine.field("queue", "clicks") + LogLine.field("shard", 3)
        let json = try parsed(line("m", context: context, ["x": 1]))
        #expect(json["queue"]?.string == "clicks")
        #expect(json["shard"]?.integer == 3)
    }
}
