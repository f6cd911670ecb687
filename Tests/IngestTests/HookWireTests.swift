import Core
import Crypto
import EventLoop
import Redis
import TestSupport
import Testing

@testable import Ingest

struct HookWireTests {
    init() { Loop.startThread() }

    @Loop private func fixture() async throws -> IngestFixture {
        try await IngestFixture.make(seed: { fixture in
            try await fixture.addPartner("ADA")
            try await fixture.addHook("coats", platform: "shopify", secret: "shopify-secret")
            try await fixture.addHook("scarves", platform: "woocommerce", secret: "woo-secret")
        })
    }

    @Loop private func shopify(
        _ fixture: IngestFixture, _ topic: String, _ body: String, secret: String = "shopify-secret",
        source: String = "coats"
    ) async throws -> HTTPAnswer {
        let signature = Base64.encode(HMACSHA256.authenticate(Array(body.utf8), key: Array(secret.utf8)))
        return try await fixture.post(
            "/api/v1/hooks/shopify/\(source)", body,
            [("X-Shopify-Topic", topic), ("X-Shopify-Hmac-Sha256", signature), ("X-Shopify-Webhook-Id", "w-1")])
    }

    @Loop private func woo(
        _ fixture: IngestFixture, _ topic: String, _ body: String, secret: String = "woo-secret"
    ) async throws -> HTTPAnswer {
        let signature = Base64.encode(HMACSHA256.authenticate(Array(body.utf8), key: Array(secret.utf8)))
        return try await fixture.post(
            "/api/v1/hooks/woocommerce/scarves", body,
            [("X-WC-Webhook-Topic", topic), ("X-WC-Webhook-Signature", signature)])
    }

    private static let order = #"""
        {"id":5,"currency":"USD","created_at":"2025-11-03T10:00:00Z","updated_at":"2025-11-03T10:05:00Z",
         "financial_status":"paid","total_price":"11.00","subtotal_price":"10.00",
         "line_items":[{"id":1,"product_id":2,"quantity":1,"price":"10.00"}],
         "discount_codes":[{"code":"SUMMER"},{"code":"ADA"}],
         "refunds":[{"id":8,"created_at":"2025-11-04T10:00:00Z","refund_line_items":[{"line_item_id":1,"quantity":1}]}]}
        """#

    @Loop @Test func anOrderBecomesOneEventForEachFact() async throws {
        let fixture = try await fixture()
        let answer = try await shopify(fixture, "orders/updated", Self.order)
        #expect(answer.status == 200)
        let events = try #require(answer.json[path: "data.events"]?.array)
        #expect(events.map { $0["type"] } == ["order.updated", "order.confirmed", "order.refunded"])
        #expect(events.allSatisfy { $0["duplicate"] == false && $0["orderId"] == "5" })
        let payloads = try await fixture.payloads()
        #expect(payloads.count == 3)
        #expect(payloads.allSatisfy { $0["source"] == "coats" && $0["programme"] == "default" })
        let order = try #require(payloads.first { $0["type"] == "order.updated" })
        // A discount code is a referral code when a partner has it; others are just discounts.
        #expect(order[path: "data.referralCode"] == "ADA" && order[path: "data.base"] == 1000)
        #expect(order[path: "data.version"]?.integer == 1_762_164_300_000)
        // Sent again: nothing new.
        let again = try await shopify(fixture, "orders/updated", Self.order)
        #expect(again.json[path: "data.events"]?.array?.allSatisfy { $0["duplicate"] == true } == true)
        #expect(try await fixture.payloads().isEmpty)
        await fixture.end()
    }

    @Loop @Test func aWrongSignatureIs401AndEnqueuesNothing() async throws {
        let fixture = try await fixture()
        #expect(try await shopify(fixture, "orders/create", Self.order, secret: "guess").status == 401)
        #expect(try await fixture.post("/api/v1/hooks/shopify/coats", Self.order).status == 401)
        let garbage = try await fixture.post(
            "/api/v1/hooks/shopify/coats", Self.order, [("X-Shopify-Hmac-Sha256", "not base64!")])
        #expect(garbage.status == 401 && garbage.json[path: "error.code"] == "wrong_signature")
        #expect(try await woo(fixture, "order.created", "{}", secret: "guess").status == 401)
        #expect(try await shopify(fixture, "orders/create", Self.order, source: "nobody").status == 404)
        #expect(try await shopify(fixture, "orders/create", Self.order, source: "scarves").status == 404)
        #expect(try await fixture.get("/api/v1/hooks/shopify/coats").status == 405)
        #expect(try await fixture.waitingCount() == 0)
        await fixture.end()
    }

    @Loop @Test func whatCannotBeUsedIsAnswered200AndKept() async throws {
        let fixture = try await fixture()
        for (topic, body, reason) in [
            ("orders/create", "{broken", "malformed_json"), ("products/update", "{}", "topic_not_used"),
            ("orders/create", "{}", "missing_field: id"),
        ] {
            let answer = try await shopify(fixture, topic, body)
            #expect(answer.status == 200 && answer.json["success"] == true)
            #expect(answer.json[path: "data.unusable.0.code"]?.string.map { reason.hasPrefix($0) } == true)
            let kept = try #require(try await fixture.payloads().first)
            #expect(kept["kind"] == "unusable-hook.v1" && kept["source"] == "coats")
            #expect(kept["topic"]?.string == topic && kept["reason"]?.string?.hasPrefix(reason) == true)
            #expect(kept["payload"]?.string.flatMap { Base64.decode($0) } == Array(body.utf8))
            #expect(kept["acceptedAt"]?.integer != nil)
        }
        // Sent again it is kept once.
        _ = try await shopify(fixture, "products/update", "{}")
        #expect(try await fixture.payloads().isEmpty)
        // Even a large one.
        let large = #"{"x":"\#(String(repeating: "a", count: 900_000))"}"#
        #expect(try await shopify(fixture, "orders/create", large).status == 200)
        #expect(try await fixture.payloads().first?["reason"]?.string?.contains("bytes are kept") == true)
        await fixture.end()
    }

    @Loop @Test func wooCommerceIsReadAndItsPingIsAnswered() async throws {
        let fixture = try await fixture()
        let ping = try await fixture.post(
            "/api/v1/hooks/woocommerce/scarves", "webhook_id=42",
            [("Content-Type", "application/x-www-form-urlencoded")])
        #expect(ping.status == 200)
        #expect(try await fixture.post("/api/v1/hooks/woocommerce/scarves", "webhook_id=42x").status == 401)
        #expect(try await fixture.waitingCount() == 0)
        let body = #"""
            {"id":7,"currency":"KRW","status":"processing","total":"5000","date_created_gmt":"2025-11-03T01:00:00",
             "date_modified_gmt":"2025-11-03T01:00:10","line_items":[{"id":1,"product_id":3,"quantity":1,"total":"5000"}],
             "meta_data":[{"key":"ref","value":"NEW"}]}
            """#
        try await fixture.addPartner("NEW")
        let answer = try await woo(fixture, "order.created", body)
        #expect(answer.status == 200)
        let payloads = try await fixture.payloads()
        #expect(Set(payloads.compactMap { $0["type"]?.string }) == ["order.created", "order.confirmed"])
        #expect(payloads.first { $0["type"] == "order.created" }?[path: "data.referralCode"] == "NEW")
        await fixture.end()
    }

    @Loop @Test func whatWasNotStoredIs5xxNever4xx() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await IngestFixture.make(
            on: redis,
            seed: { fixture in
                try await fixture.addHook("coats", platform: "shopify", secret: "shopify-secret")
            }, configure: { $0.waitingJobsMax = 0 })
        #expect(try await shopify(fixture, "orders/create", Self.order).status == 200)
        await fixture.service.gate.read()
        let full = try await shopify(fixture, "orders/create", Self.order.replacing("\"id\":5", with: "\"id\":6"))
        #expect(full.status == 503 && full.header("Retry-After") != nil)
        redis.kill()
        try await eventually { !fixture.connection.isReady }
        #expect(try await shopify(fixture, "products/update", "{}").status == 503)
        await fixture.end()
    }

    @Loop @Test func aSecretThatCannotBeOpenedIs503() async throws {
        let fixture = try await IngestFixture.make(
            seed: { fixture in
                try await fixture.addHook("coats", platform: "shopify", secret: "shopify-secret")
            }, configure: { $0.masterKey = [UInt8](repeating: 8, count: 32) })
        let answer = try await shopify(fixture, "orders/create", Self.order)
        #expect(answer.status == 503 && answer.json[path: "error.code"] == "secret_unavailable")
        await fixture.end()
    }
}
