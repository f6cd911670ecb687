import Core
import Crypto
import EventLoop
import JobQueue
import Redis
import TestSupport
import Testing

@testable import Ingest

struct EventWireTests {
    init() { Loop.startThread() }

    private static let path = "/api/v1/events"

    private func created(_ id: String, amount: String = "100000", order: String = "order-1") -> String {
        #"{"id":"\#(id)","type":"order.created","orderId":"\#(order)","orderAmount":\#(amount),"referralCode":"A"}"#
    }

    @Loop @Test func anEventIsAnsweredWithItsNamesAndEnqueuedAsItsEnvelope() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let answer = try await fixture.post(Self.path, created("evt-1"), key: key)
        #expect(answer.status == 202)
        let data = try #require(answer.json["data"])
        let order = UUID.derived("order", "default", "shop-1", "order-1").description
        #expect(answer.json["success"] == true)
        #expect(data["eventId"] == "evt-1" && data["orderId"] == "order-1" && data["duplicate"] == false)
        #expect(data["id"]?.string == UUID.derived("event", "shop-1", "evt-1").description)
        #expect(data["conversionId"]?.string == UUID.derived("conversion", order).description)
        let payloads = try await fixture.payloads()
        #expect(payloads.count == 1)
        #expect(payloads[0]["kind"] == "order-event.v1" && payloads[0]["job"] == data["id"])
        #expect(payloads[0]["v"] == 1 && payloads[0]["programme"] == "default" && payloads[0]["source"] == "shop-1")
        #expect(payloads[0]["occurredAt"] == payloads[0]["acceptedAt"])
        #expect(payloads[0]["data"]?.text == #"{"currency":"KRW","orderAmount":100000,"referralCode":"A"}"#)
        #expect(payloads[0]["digest"]?.string?.count == 64)
        await fixture.end()
    }

    @Loop @Test func aRepeatIsADuplicateAndAnotherBodyIsRefused() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        #expect(try await fixture.post(Self.path, created("evt-1"), key: key).status == 202)
        let again = try await fixture.post(Self.path, created("evt-1"), key: key)
        #expect(again.status == 202 && again.json[path: "data.duplicate"] == true)
        let other = try await fixture.post(Self.path, created("evt-1", amount: "5"), key: key)
        #expect(other.status == 422 && other.json[path: "error.code"] == "event_id_reused")
        #expect(try await fixture.payloads().count == 1)
        // Remembered after its end too.
        #expect(try await fixture.post(Self.path, created("evt-1"), key: key).json[path: "data.duplicate"] == true)
        #expect(try await fixture.post(Self.path, created("evt-1", amount: "5"), key: key).status == 422)
        await fixture.end()
    }

    @Loop @Test func everyRefusalNamesItsReasonAndEnqueuesNothing() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let reader = try await fixture.addKey(scopes: ["events:read"])
        let good = created("e")
        func refused(
            _ body: String, key: String?, _ status: Int, _ code: String, sending headers: [(String, String)] = [],
            line: Int = #line
        ) async throws {
            let answer = try await fixture.post(Self.path, body, key: key, headers)
            #expect(answer.status == status, "line \(line)")
            #expect(answer.json["success"] == false, "line \(line)")
            #expect(answer.json[path: "error.code"]?.string == code, "line \(line)")
            #expect(answer.json[path: "error.requestId"]?.string == answer.header("X-Request-Id"), "line \(line)")
        }
        try await refused(good, key: nil, 401, "unauthorized")
        try await refused(good, key: "tk_live_unknown", 401, "unauthorized")
        try await refused(good, key: "something", 401, "unauthorized")
        try await refused(good, key: reader, 403, "missing_scope")
        try await refused("{", key: key, 400, "malformed_json")
        try await refused("", key: key, 400, "empty_body")
        try await refused("[", key: key, 400, "malformed_json")
        try await refused("[]", key: key, 400, "empty_batch")
        try await refused(#"{"type":"order.confirmed","orderId":"o"}"#, key: key, 400, "missing_event_id")
        try await refused(created("e", amount: "\"1.5\""), key: key, 422, "invalid_event")
        try await refused(
            good, key: key, 415, "unsupported_media_type", sending: [("Content-Type", "application/xml")])
        let many = "[" + (0..<1001).map { created("e-\($0)") }.joined(separator: ",") + "]"
        try await refused(many, key: key, 413, "batch_too_large")
        let answer = try await fixture.post(Self.path, String(repeating: " ", count: (1 << 20) + 1), key: key)
        #expect(answer.status == 413)
        #expect(try await fixture.waitingCount() == 0)
        #expect(try await fixture.send("PUT", Self.path).status == 405)
        #expect(try await fixture.send("PUT", Self.path).header("Allow") == "POST")
        #expect(try await fixture.get("/nowhere").status == 404)
        #expect(try await fixture.post(Self.path, good).header("WWW-Authenticate") != nil)
        await fixture.end()
    }

    @Loop @Test func problemJSONIsAnsweredToWhoAsksForIt() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let answer = try await fixture.post(
            Self.path, created("e", amount: "\"x\""), key: key, [("Accept", "application/problem+json")])
        #expect(answer.status == 422 && answer.header("Content-Type") == "application/problem+json")
        #expect(answer.json["type"] == "urn:tributary:problem:invalid_event" && answer.json["status"] == 422)
        #expect(answer.json[path: "details.0.field"] == "orderAmount")
        #expect(answer.json["instance"] == "/api/v1/events")
        await fixture.end()
    }

    @Loop @Test func inABatchTheGoodOnesPassAndEachBadOneIsReportedByItsIndex() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let elements = [
            created("a"), #"{"id":"b","type":"order.created","orderId":"o","orderAmount":"1.23"}"#, "{broken}",
            created("c", order: "order-2"), created("a"), created("a", amount: "7"),
            #"{"type":"order.confirmed","orderId":"o"}"#, #"{"id":"d","id":"d"}"#,
        ]
        for isLines in [false, true] {
            let body = isLines ? elements.joined(separator: "\n") : "[" + elements.joined(separator: ",") + "]"
            let type = isLines ? "application/x-ndjson" : "application/json"
            let answer = try await fixture.post(Self.path, body, key: key, [("Content-Type", type)])
            #expect(answer.status == 202)
            let results = try #require(answer.json[path: "data.results"]?.array)
            #expect(results.compactMap { $0["index"]?.integer } == Array(0..<8))
            #expect(results.compactMap { $0["status"]?.integer } == [202, 422, 400, 202, 202, 422, 400, 400])
            #expect(results[1][path: "error.details.0.field"] == "orderAmount")
            #expect(results[2][path: "error.code"] == "malformed_json")
            #expect(results[4]["duplicate"] == true)
            #expect(results[5][path: "error.code"] == "event_id_reused")
            #expect(results[6][path: "error.code"] == "missing_event_id")
            #expect(answer.json[path: "data.accepted"] == 3 && answer.json[path: "data.refused"] == 5)
            #expect(try await fixture.payloads().count == (isLines ? 0 : 2))
        }
        let none = try await fixture.post(Self.path, "[{},{}]", key: key)
        #expect(none.status == 422 && none.json[path: "error.code"] == "no_event_accepted")
        #expect(none.json[path: "error.details.1.index"] == 1)
        await fixture.end()
    }

    @Loop @Test func cloudEventsComeOneByOneAndInBatches() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        func event(_ id: String) -> String {
            #"{"specversion":"1.0","id":"\#(id)","source":"/s","type":"order.confirmed","data":{"orderId":"o"}}"#
        }
        let one = try await fixture.post(
            Self.path, event("ce-1"), key: key, [("Content-Type", "application/cloudevents+json; charset=utf-8")])
        #expect(one.status == 202 && one.json[path: "data.eventId"] == "ce-1")
        let batch = try await fixture.post(
            Self.path, "[\(event("ce-2")),\(event("ce-3"))]", key: key,
            [("Content-Type", "application/cloudevents-batch+json")])
        #expect(batch.status == 202 && batch.json[path: "data.accepted"] == 2)
        #expect(try await fixture.payloads().count == 3)
        await fixture.end()
    }

    @Loop @Test func theHeaderMayCarryTheIDOfASingleEvent() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let body = #"{"type":"order.confirmed","orderId":"o"}"#
        let answer = try await fixture.post(Self.path, body, key: key, [("Idempotency-Key", "k-1")])
        #expect(answer.status == 202 && answer.json[path: "data.eventId"] == "k-1")
        let again = try await fixture.post(Self.path, body, key: key, [("Idempotency-Key", "k-1")])
        #expect(again.json[path: "data.duplicate"] == true)
        await fixture.end()
    }

    @Loop @Test func aFullQueueIsSaidWith429() async throws {
        let fixture = try await IngestFixture.make(configure: { $0.waitingJobsMax = 1 })
        let key = try await fixture.addKey()
        for id in ["a", "b"] { #expect(try await fixture.post(Self.path, created(id), key: key).status == 202) }
        await fixture.service.gate.read()
        let answer = try await fixture.post(Self.path, created("c"), key: key)
        #expect(answer.status == 429 && answer.json[path: "error.code"] == "queue_too_long")
        #expect(answer.header("Retry-After") != nil)
        _ = try await fixture.payloads()
        await fixture.service.gate.read()
        #expect(try await fixture.post(Self.path, created("c"), key: key).status == 202)
        await fixture.end()
    }

    /// The queue's own limit refuses at once, where the gate has read nothing yet.
    @Loop @Test func aQueueAtItsLengthIsSaidWith429() async throws {
        // One job in each of the four shards; events of one order share a shard.
        let fixture = try await IngestFixture.make(lengthMax: [.conversions: 4])
        let key = try await fixture.addKey()
        #expect(try await fixture.post(Self.path, created("a"), key: key).status == 202)
        let answer = try await fixture.post(Self.path, created("b"), key: key)
        #expect(answer.status == 429 && answer.json[path: "error.code"] == "queue_too_long")
        #expect(answer.header("Retry-After") != nil)
        // What is known already is no new job.
        #expect(try await fixture.post(Self.path, created("a"), key: key).json[path: "data.duplicate"] == true)
        #expect(try await fixture.payloads().count == 1)
        #expect(try await fixture.post(Self.path, created("b"), key: key).status == 202)
        await fixture.end()
    }

    @Loop @Test func withoutRedisIt503sAndRecovers() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await IngestFixture.make(on: redis)
        let key = try await fixture.addKey()
        #expect(try await fixture.post(Self.path, created("a"), key: key).status == 202)
        redis.kill()
        try await eventually { !fixture.connection.isReady }
        let down = try await fixture.post(Self.path, created("b"), key: key)
        #expect(down.status == 503 && down.json[path: "error.code"] == "store_unavailable")
        #expect(down.header("Retry-After") != nil)
        try await redis.restart()
        try await eventually { fixture.connection.isReady }
        #expect(try await fixture.post(Self.path, created("b"), key: key).status == 202)
        #expect(try await fixture.payloads().count == 2)
        await fixture.end()
    }

    @Loop @Test func aFullRedisIsSaidWith503() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await IngestFixture.make(on: redis)
        let key = try await fixture.addKey()
        #expect(try await fixture.post(Self.path, created("a"), key: key).status == 202)
        _ = try await fixture.connection.command(["CONFIG", "SET", "maxmemory", "1"])
        let full = try await fixture.post(Self.path, created("b"), key: key)
        #expect(full.status == 503 && full.json[path: "error.code"] == "store_full")
        _ = try await fixture.connection.command(["CONFIG", "SET", "maxmemory", "0"])
        #expect(try await fixture.post(Self.path, created("b"), key: key).status == 202)
        await fixture.end()
    }
}
