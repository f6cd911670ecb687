import Core
import Crypto
import EventLoop
import JobQueue
import Ledger
import TestSupport
import Testing

@testable import Ingest

struct EventStatusTests {
    init() { Loop.startThread() }

    @Loop private func post(_ fixture: IngestFixture, _ body: String, key: String) async throws -> JSON {
        let answer = try await fixture.post("/api/v1/events", body, key: key)
        #expect(answer.status == 202)
        return answer.json["data"] ?? .null
    }

    @Loop private func state(_ fixture: IngestFixture, _ id: String, key: String) async throws -> HTTPAnswer {
        try await fixture.get("/api/v1/events/\(id)", key: key)
    }

    /// What the conversion worker does with what waits.
    @Loop private func store(_ fixture: IngestFixture) async throws {
        let book = OrderBook(pool: fixture.pool)
        for shard in 0..<fixture.queue.configuration.shardCount {
            while let batch = try await fixture.queue.lease(.conversions, shard: shard, max: 500, mayTakeAlone: true)
                .batch
            {
                _ = try await book.record(try batch.jobs.map { try EventEnvelope(payload: $0.payload) })
                _ = try await fixture.queue.complete(batch.jobs)
            }
        }
    }

    @Loop @Test func anEventIsWaitingThenParkedThenApplied() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let confirmed = try await post(fixture, #"{"id":"c/1","type":"order.confirmed","orderId":"o"}"#, key: key)
        let waiting = try await state(fixture, "c%2F1", key: key)
        #expect(waiting.status == 200 && waiting.json[path: "data.status"] == "waiting")
        #expect(waiting.json[path: "data.id"] == confirmed["id"])
        try await store(fixture)
        let parked = try await state(fixture, "c%2F1", key: key)
        #expect(parked.json[path: "data.status"] == "parked")
        #expect(parked.json[path: "data.waitingFor"] == "order.created")
        _ = try await post(
            fixture, #"{"id":"c-2","type":"order.created","orderId":"o","orderAmount":5,"version":2}"#, key: key)
        try await store(fixture)
        let id = try #require(confirmed["id"]?.string)
        let applied = try await state(fixture, id, key: key)
        #expect(applied.json[path: "data.status"] == "applied")
        #expect(applied.json[path: "data.conversionId"] == confirmed["conversionId"])
        _ = try await post(
            fixture, #"{"id":"c-0","type":"order.updated","orderId":"o","orderAmount":4,"version":1}"#, key: key)
        _ = try await post(
            fixture,
            #"{"id":"c-3","type":"order.updated","orderId":"o","orderAmount":4,"version":3,"currency":"USD"}"#, key: key
        )
        try await store(fixture)
        #expect(try await state(fixture, "c-0", key: key).json[path: "data.status"] == "stale")
        let refused = try await state(fixture, "c-3", key: key)
        #expect(refused.json[path: "data.status"] == "refused")
        #expect(refused.json[path: "data.reason"]?.string?.contains("currency") == true)
        await fixture.end()
    }

    @Loop @Test func aDeadEventSaysWhy() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let data = try await post(fixture, #"{"id":"e","type":"order.confirmed","orderId":"o"}"#, key: key)
        for shard in 0..<fixture.queue.configuration.shardCount {
            if let batch = try await fixture.queue.lease(.conversions, shard: shard, max: 1, mayTakeAlone: true).batch {
                _ = try await fixture.queue.bury(batch.jobs[0], reason: "for a test")
            }
        }
        let answer = try await state(fixture, data["id"]?.string ?? "", key: key)
        #expect(answer.json[path: "data.status"] == "dead" && answer.json[path: "data.reason"] == "for a test")
        await fixture.end()
    }

    @Loop @Test func onlyTheSenderIsTold() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        let other = try await fixture.addKey(source: "shop-2")
        let writer = try await fixture.addKey(scopes: ["events:write"])
        let data = try await post(fixture, #"{"id":"e","type":"order.confirmed","orderId":"o"}"#, key: key)
        let id = try #require(data["id"]?.string)
        for stored in [false, true] {
            if stored { try await store(fixture) }
            #expect(try await state(fixture, id, key: key).status == 200)
            #expect(try await state(fixture, id, key: other).status == 404)
            #expect(try await state(fixture, "e", key: other).status == 404)
            #expect(try await state(fixture, "e", key: writer).status == 403)
        }
        #expect(try await fixture.get("/api/v1/events/e").status == 401)
        #expect(try await state(fixture, "unknown", key: key).json[path: "error.code"] == "unknown_event")
        await fixture.end()
    }
}
