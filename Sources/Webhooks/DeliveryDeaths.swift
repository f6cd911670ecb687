import EventLoop
import Fleet
import JobQueue
import Telemetry

/// Tells whoever listens to a process's dead letters of deliveries that die while their job completes.
///
/// After the last attempt, or when the receiver wants no more, the row is dead and the queue has nothing left to bury; it is
/// a dead letter all the same.
@Loop
final class DeliveryDeaths {
    private let listener: (any DeadLetterRecorder)?
    private let log = Log(component: "webhooks")

    init(_ listener: (any DeadLetterRecorder)?) { self.listener = listener }

    /// Of what was recorded, those that are dead.
    func tell(_ records: [AttemptRecord]) async {
        await tell(
            records.filter { $0.status == "dead" }.map { record in
                JobEnd(
                    id: DeliveryJob.id(record.delivery.deliveryID, attempt: record.delivery.attempt - 1),
                    queue: .webhooks, kind: DeliveryJob.kind, payload: [], attempt: record.attemptsUsed, state: .dead,
                    reason: record.endReason ?? "")
            })
    }

    func tell(_ job: LeasedJob, reason: String) async {
        await tell([
            JobEnd(
                id: job.id, queue: job.queue, kind: job.kind, payload: job.payload, attempt: job.attempt, state: .dead,
                reason: reason)
        ])
    }

    private func tell(_ ends: [JobEnd]) async {
        guard let listener, !ends.isEmpty else { return }
        do {
            try await listener.record(ends)
        } catch {
            // The rows are dead and say why; only the telling is lost.
            log.error(
                "nobody could be told of dead deliveries",
                ["deliveries.count": .int(ends.count), "error": .error(error)])
        }
    }
}
