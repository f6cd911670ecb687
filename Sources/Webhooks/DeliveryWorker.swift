import Core
package import EventLoop
package import Fleet
package import HTTPClient
package import JobQueue
import Telemetry

/// Sends deliveries: begins the attempts of a whole lease in one transaction, sends each at its own pace, and records the
/// results of many in one transaction.
///
/// An attempt that fails completes its job and leaves the next attempt's job behind, in the same shard and due when the row
/// is due. Should that job get lost, the owed row is still there for the sweep.
@Loop
package final class DeliveryWorker: JobRunner {
    package let kinds: Set<String>? = [DeliveryJob.kind]
    /// Requests in flight unless the configuration says otherwise.
    nonisolated package static let defaultWindow = 64

    private let book: WebhookBook
    private let results: AttemptResults
    private let client: HTTPClient
    private let sealer: SecretSealer
    private let schedule: DeliverySchedule
    private let metrics = WebhookMetrics()
    private let log = Log(component: "webhooks")
    /// What prepare found, until run takes it.
    private var standings: [StandingKey: DeliveryStanding] = [:]

    private struct StandingKey: Hashable {
        let jobID: String
        let fence: Int64
    }

    /// A delivery whose secret cannot be opened waits: it is our configuration that is wrong, not the endpoint.
    private static let unreadableSecretPause = Duration.seconds(60)

    package init(
        book: WebhookBook, client: HTTPClient, sealer: SecretSealer, schedule: DeliverySchedule = .standard
    ) {
        self.book = book
        self.client = client
        self.sealer = sealer
        self.schedule = schedule
        results = AttemptResults(book)
    }

    package func prepare(_ batch: [LeasedJob]) async throws {
        let claims = batch.compactMap { job in
            DeliveryJob.deliveryID(of: job.payload).map {
                DeliveryClaim(deliveryID: $0, fence: job.fence, jobID: job.id)
            }
        }
        for (claim, standing) in zip(claims, try await book.begin(claims)) {
            standings[StandingKey(jobID: claim.jobID, fence: claim.fence)] = standing
        }
    }

    package func run(_ job: LeasedJob) async throws -> JobOutcome {
        switch standings.removeValue(forKey: StandingKey(jobID: job.id, fence: job.fence)) {
        case nil: return .dead(reason: "the payload names no delivery")
        case .done: return .completed()
        case .later(let wait): return .snooze(DeliverySchedule.stretched(wait, jitter: .random(in: 0...1)))
        case .superseded(let endpointID, let attempt, let wait):
            guard let deliveryID = DeliveryJob.deliveryID(of: job.payload) else { return .completed() }
            return .completed(followUps: [
                DeliveryJob.make(deliveryID, endpointID: endpointID, attempt: attempt, delay: wait)
            ])
        case .send(let delivery): return try await send(delivery)
        }
    }

    private func send(_ delivery: BegunDelivery) async throws -> JobOutcome {
        let secrets: [WebhookSecret]
        do {
            secrets = try delivery.secrets.map { try sealer.open($0, endpointID: delivery.endpointID) }
        } catch {
            log.error(
                "an endpoint's secret cannot be opened",
                ["endpoint.id": .describing(delivery.endpointID), "error": .error(error)])
            return .snooze(Self.unreadableSecretPause)
        }
        let result = await client.perform(Self.request(delivery, secrets, now: Loop.wallClock))
        let verdict = AttemptVerdict(result, now: Loop.wallClock)
        // Nothing left this process, and no result is worth a row: the job goes back as it came.
        if verdict.delivery == .notSent { throw CancellationError() }
        let record = AttemptRecord(
            delivery, result, verdict, schedule: schedule, jitter: .random(in: 0...1))
        metrics.count(record)
        guard try await results.record(record) else {
            log.info(
                "a late result was refused",
                ["delivery.id": .describing(delivery.deliveryID), "lease.fence": .integer(delivery.fence)])
            return .completed()
        }
        report(record)
        return outcome(of: record)
    }

    private func outcome(of record: AttemptRecord) -> JobOutcome {
        guard let wait = record.wait else { return .completed() }
        // No attempt was used: this job still stands for the next one.
        if case .postponed = record.verdict.delivery { return .snooze(wait) }
        return .completed(followUps: [
            DeliveryJob.make(
                record.delivery.deliveryID, endpointID: record.delivery.endpointID, attempt: record.attemptsUsed,
                delay: wait)
        ])
    }

    private func report(_ record: AttemptRecord) {
        if record.status == "dead" {
            log.error(
                "a delivery is dead",
                [
                    "delivery.id": .describing(record.delivery.deliveryID),
                    "delivery.attempt": .int(record.attemptsUsed),
                    "endpoint.id": .describing(record.delivery.endpointID), "error": .string(record.endReason ?? ""),
                ])
        }
        if case .disabled(let reason) = record.verdict.endpoint {
            log.warning(
                "an endpoint is disabled",
                ["endpoint.id": .describing(record.delivery.endpointID), "error": .string(reason)])
        }
    }

    private static func request(
        _ delivery: BegunDelivery, _ secrets: [WebhookSecret], now: EpochMilliseconds
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(
            url: delivery.url,
            headers: [("Content-Type", "application/json")]
                + WebhookSignature.headers(
                    id: delivery.eventID, timestamp: now.rawValue / 1000, body: delivery.body, secrets: secrets),
            body: delivery.body)
        request.timeout = delivery.timeout
        request.connectTimeout = delivery.timeout
        return request
    }
}

/// Tells a delivery's row that its job ended without success: its workers crashed, or an error of ours came each time.
@Loop
package final class DeliveryEnds: DeadLetterRecorder {
    private let book: WebhookBook

    package init(book: WebhookBook) { self.book = book }

    package func record(_ ends: [JobEnd]) async throws {
        try await book.bury(
            ends.compactMap { end in
                DeliveryJob.deliveryID(of: end.payload).map { ($0, "job_\(end.state.rawValue): \(end.reason)") }
            })
    }
}
