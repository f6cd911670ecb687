import Core
import EventLoop
import HTTPServer
import Testing

@testable import Webhooks

@Suite struct WebhookEndpointsTests {
    init() { Loop.startThread() }

    @Loop @Test func itIsListedWithoutItsSecret() async throws {
        try await DeliveryFixture.run { fixture in
            let endpoint = try await fixture.endpoint()
            #expect(endpoint.id == fixture.endpointID && endpoint.url == fixture.receiver.url && endpoint.isEnabled)
            #expect(endpoint.eventTypes == ["commission.*", "conversion.*"] && endpoint.timeout == .seconds(5))
            #expect(endpoint.pausedUntil == nil && endpoint.previousSecretUntil == nil)
        }
    }

    @Loop @Test func whatCannotBeAnEndpointIsRefused() async throws {
        try await DeliveryFixture.run { fixture in
            @Loop func refusal(
                url: String = "https://example.com/", partner: UUID? = nil, types: [String] = ["*"],
                timeout: Duration = .seconds(5)
            ) async -> WebhookEndpoints.Refusal? {
                do {
                    _ = try await WebhookEndpoints.add(
                        fixture.pool, programme: "default", partnerID: partner ?? fixture.partnerID, url: url,
                        eventTypes: types, timeout: timeout, sealer: fixture.sealer)
                    return nil
                } catch {
                    return error as? WebhookEndpoints.Refusal
                }
            }
            for url in ["", "ftp://a", "https://", "https:///x", "https://a b/", "example.com"] {
                #expect(await refusal(url: url) == .url)
            }
            #expect(await refusal(types: []) == .eventTypes)
            #expect(await refusal(timeout: .seconds(31)) == .timeout)
            #expect(await refusal(partner: UUID.version7(at: Loop.wallClock)) == .unknownPartner)
            #expect(await refusal() == nil)
        }
    }

    @Loop @Test func afterARotationBothSecretsSign() async throws {
        try await DeliveryFixture.run { fixture in
            let renewed = try await WebhookEndpoints.rotate(
                fixture.pool, id: fixture.endpointID, sealer: fixture.sealer)
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 1")
            let request = try #require(fixture.receiver.requests.first)
            let timestamp = try #require(request.headers["webhook-timestamp"].flatMap { Int64($0) })
            let expected = [renewed, fixture.secret].map {
                expectedSignature(id: "msg_\(id)", timestamp: timestamp, body: DeliveryFixture.body, secret: $0)
            }
            #expect(request.headers["webhook-signature"] == expected.joined(separator: " "))
        }
    }

    @Loop @Test func aRotationWithoutOverlapRevokesTheOldSecretAtOnce() async throws {
        try await DeliveryFixture.run { fixture in
            _ = try await WebhookEndpoints.rotate(
                fixture.pool, id: fixture.endpointID, overlap: .zero, sealer: fixture.sealer)
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 1")
            #expect(fixture.receiver.requests.first?.headers["webhook-signature"]?.contains(" ") == false)
        }
    }

    @Loop @Test func enablingEndsAPause() async throws {
        try await DeliveryFixture.run { fixture in
            try await WebhookEndpoints.setEnabled(fixture.pool, id: fixture.endpointID, false, reason: "by hand")
            #expect(try await fixture.endpoint().disabledReason == "by hand")
            try await WebhookEndpoints.setEnabled(fixture.pool, id: fixture.endpointID, true)
            let endpoint = try await fixture.endpoint()
            #expect(endpoint.isEnabled && endpoint.disabledReason == nil && endpoint.pausedUntil == nil)
        }
    }

    @Loop @Test func aRotationIsSeenByAWorkerThatHasSignedBefore() async throws {
        try await DeliveryFixture.run { fixture in
            try fixture.startWorker()
            let first = try await fixture.owe()
            try await fixture.enqueue(first)
            try await fixture.untilState(first, "delivered 1")
            let renewed = try await WebhookEndpoints.rotate(
                fixture.pool, id: fixture.endpointID, overlap: .zero, sealer: fixture.sealer)
            let second = try await fixture.owe()
            try await fixture.enqueue(second)
            try await fixture.untilState(second, "delivered 1")
            let request = try #require(fixture.receiver.requests.last)
            let timestamp = try #require(request.headers["webhook-timestamp"].flatMap { Int64($0) })
            #expect(
                request.headers["webhook-signature"]
                    == expectedSignature(
                        id: "msg_\(second)", timestamp: timestamp, body: DeliveryFixture.body, secret: renewed))
        }
    }
}
