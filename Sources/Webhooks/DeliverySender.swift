import Core
import Crypto
package import EventLoop
package import HTTPClient
import Telemetry

/// Makes one attempt: opens the endpoint's secrets, signs, calls, judges the answer. Knows no rows and no queue.
@Loop
package final class DeliverySender {
    package enum Outcome: Sendable {
        /// The attempt was made.
        case made(AttemptRecord)
        /// Nothing left this process, since it is stopping.
        case notSent
        /// A secret cannot be opened: it is our configuration that is wrong, not the endpoint.
        case secretUnreadable
    }

    private let client: HTTPClient
    private let cache: SignerCache
    private let schedule: DeliverySchedule
    private let metrics = WebhookMetrics()
    private let log = Log(component: "webhooks")

    package init(client: HTTPClient, sealer: SecretSealer, schedule: DeliverySchedule = .standard) {
        self.client = client
        cache = SignerCache(sealer)
        self.schedule = schedule
    }

    package func send(_ delivery: BegunDelivery) async -> Outcome {
        let signers: [HMACSHA256.Keyed]
        do {
            signers = try cache.signers(for: delivery)
        } catch {
            log.error(
                "an endpoint's secret cannot be opened",
                ["endpoint.id": .describing(delivery.endpointID), "error": .error(error)])
            return .secretUnreadable
        }
        FlightRecorder.shared?.add(1, to: .sending)
        let result = await client.perform(Self.request(delivery, signers, now: Loop.wallClock))
        FlightRecorder.shared?.add(-1, to: .sending)
        let verdict = AttemptVerdict(result, now: Loop.wallClock)
        if verdict.delivery == .notSent { return .notSent }
        let record = AttemptRecord(delivery, result, verdict, schedule: schedule, jitter: Self.jitter(verdict))
        metrics.count(record)
        return .made(record)
    }

    /// Only where it is needed: each is a system call.
    private static func jitter(_ verdict: AttemptVerdict) -> Double {
        verdict.delivery == .failed ? .random(in: 0...1) : 0
    }

    private static func request(
        _ delivery: BegunDelivery, _ signers: [HMACSHA256.Keyed], now: EpochMilliseconds
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(
            url: delivery.url,
            headers: [("Content-Type", "application/json")]
                + WebhookSignature.headers(
                    id: delivery.eventID, timestamp: now.rawValue / 1000, body: delivery.body, signers: signers),
            body: delivery.body)
        request.timeout = delivery.timeout
        request.connectTimeout = delivery.timeout
        return request
    }
}
