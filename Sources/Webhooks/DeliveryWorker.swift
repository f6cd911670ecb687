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
    private let sender: DeliverySender
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
        sender = DeliverySender(client: client, sealer: sealer, schedule: schedule)
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
        let record: AttemptRecord
        switch await sender.send(delivery) {
        case .made(let made): record = made
        // Nothing left this process, and no result is worth a row: the job goes back as it came.
        case .notSent: throw CancellationError()
        case .secretUnreadable: return .snooze(Self.unreadableSecretPause)
        }
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
