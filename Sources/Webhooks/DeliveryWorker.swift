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
    /// Deliveries in one process, and of them requests in flight to one endpoint, unless the configuration says otherwise.
    nonisolated package static let defaultWindow = 1000
    nonisolated package static let defaultEndpointWindow = 64

    private let book: WebhookBook
    private let results: AttemptResults
    private let sender: DeliverySender
    private let lanes: EndpointLanes
    private let deaths: DeliveryDeaths
    private let log = Log(component: "webhooks")
    private let crowdedOut = Counter(
        "webhooks_crowded_out_total", "Deliveries put off since their endpoint had no room in this process.")
    /// What prepare found, until run takes it.
    private var prepared: [PreparedKey: Prepared] = [:]

    /// Jobs that were prepared and have not run yet.
    var preparedCount: Int { prepared.count }

    private struct PreparedKey: Hashable {
        let jobID: String
        let fence: Int64
    }

    private enum Prepared {
        case looked(DeliveryStanding, endpointID: UUID)
        /// The endpoint has no room; the row was not looked at.
        case crowdedOut(Duration)
    }

    /// A delivery whose secret cannot be opened waits: it is our configuration that is wrong, not the endpoint.
    private static let unreadableSecretPause = Duration.seconds(60)

    /// - Parameters:
    ///   - window: deliveries in this process.
    ///   - endpointWindow: of them, requests in flight to one endpoint.
    ///   - deaths: told of deliveries that die while their job completes, such as after the last attempt.
    package init(
        book: WebhookBook, client: HTTPClient, sealer: SecretSealer, schedule: DeliverySchedule = .standard,
        window: Int = defaultWindow, endpointWindow: Int = defaultEndpointWindow,
        deaths: (any DeadLetterRecorder)? = nil
    ) {
        self.book = book
        self.deaths = DeliveryDeaths(deaths)
        sender = DeliverySender(client: client, sealer: sealer, schedule: schedule)
        results = AttemptResults(book, self.deaths)
        lanes = EndpointLanes(endpointMax: endpointWindow, processMax: window)
    }

    package func prepare(_ batch: [LeasedJob]) async throws {
        var claims: [DeliveryClaim] = []
        var endpoints: [UUID] = []
        for job in batch {
            guard let subject = DeliveryJob.subject(of: job.payload) else { continue }
            switch lanes.admit(subject.endpointID) {
            case .admitted:
                claims.append(DeliveryClaim(deliveryID: subject.deliveryID, fence: job.fence, jobID: job.id))
                endpoints.append(subject.endpointID)
            case .later(let milliseconds):
                prepared[PreparedKey(jobID: job.id, fence: job.fence)] = .crowdedOut(.milliseconds(milliseconds))
            }
        }
        let standings: [DeliveryStanding]
        do {
            standings = try await book.begin(claims)
        } catch {
            for endpoint in endpoints { lanes.withdraw(endpoint) }
            // None of them will run; they may come again under the same lease, and are looked at anew then.
            for job in batch { prepared[PreparedKey(jobID: job.id, fence: job.fence)] = nil }
            throw error
        }
        for ((claim, endpoint), standing) in zip(zip(claims, endpoints), standings) {
            if case .send = standing {} else { lanes.withdraw(endpoint) }
            prepared[PreparedKey(jobID: claim.jobID, fence: claim.fence)] = .looked(standing, endpointID: endpoint)
        }
    }

    package func run(_ job: LeasedJob) async throws -> JobOutcome {
        switch prepared.removeValue(forKey: PreparedKey(jobID: job.id, fence: job.fence)) {
        case nil: return .dead(reason: "the payload names no delivery")
        case .crowdedOut(let wait):
            crowdedOut.add()
            return .snooze(DeliverySchedule.stretched(wait, jitter: .random(in: 0...1)))
        case .looked(.done, _): return .completed()
        case .looked(.dead(let reason), _):
            await deaths.tell(job, reason: reason)
            return .completed()
        case .looked(.later(let wait), _):
            return .snooze(DeliverySchedule.stretched(wait, jitter: .random(in: 0...1)))
        case .looked(.superseded(let endpointID, let attempt, let wait), _):
            guard let deliveryID = DeliveryJob.deliveryID(of: job.payload) else { return .completed() }
            return .completed(followUps: [
                DeliveryJob.make(deliveryID, endpointID: endpointID, attempt: attempt, delay: wait)
            ])
        case .looked(.send(let delivery), let endpointID): return try await send(delivery, in: endpointID)
        }
    }

    private func send(_ delivery: BegunDelivery, in lane: UUID) async throws -> JobOutcome {
        switch await lanes.enter(lane) {
        case .now(let permit):
            guard !Task.isCancelled else {
                // The turn came when the process was stopping: better sent by another than by both.
                lanes.leave(lane, permit, .other)
                throw CancellationError()
            }
            let sent = await sender.send(delivery)
            guard case .made(let record) = sent else {
                lanes.leave(lane, permit, .other)
                // Nothing left this process, and no result is worth a row: the job goes back as it came.
                if case .notSent = sent { throw CancellationError() }
                return .snooze(Self.unreadableSecretPause)
            }
            lanes.leave(lane, permit, record.verdict.ending(of: delivery, record.result))
            return try await end(record)
        case .later(let wait):
            crowdedOut.add()
            return try await end(AttemptRecord(crowdedOut: delivery, for: wait))
        }
    }

    private func end(_ record: AttemptRecord) async throws -> JobOutcome {
        let delivery = record.delivery
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
