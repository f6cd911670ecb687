import Core
import EventLoop
import JobQueue
import Telemetry

/// Enqueues mapped events and says what became of each, once Redis has answered.
@Loop
final class EventIntake {
    enum Outcome {
        case accepted(AcceptedEvent, isDuplicate: Bool)
        indirect case refused(IngestRefusal)
    }

    let clock: RedisClock
    private let queue: JobQueue
    private let gate: QueueGate
    private let metrics: IngestMetrics
    private let payloadBytesMax: Int
    private let refusals: StoreRefusals

    init(queue: JobQueue, gate: QueueGate, refusals: StoreRefusals, clock: RedisClock, metrics: IngestMetrics) {
        self.refusals = refusals
        self.queue = queue
        self.gate = gate
        self.clock = clock
        self.metrics = metrics
        payloadBytesMax = queue.configuration.payloadBytesMax
    }

    /// One outcome for each event, in their order.
    ///
    /// - Throws: when Redis did not take them, or did not say so; then some may have been taken, and all may come again.
    func take(_ events: [OrderEvent], programme: String, source: String) async throws(IngestRefusal) -> [Outcome] {
        try gate.check(.conversions)
        let now = clock.now
        var outcomes: [Outcome] = []
        outcomes.reserveCapacity(events.count)
        var jobs: [NewJob] = []
        jobs.reserveCapacity(events.count)
        for event in events {
            let accepted = AcceptedEvent(event, programme: programme, source: source)
            let job = accepted.job(event, programme: programme, source: source, acceptedAt: now)
            if job.payload.count > payloadBytesMax {
                outcomes.append(.refused(Self.tooLarge(payloadBytesMax)))
            } else {
                outcomes.append(.accepted(accepted, isDuplicate: false))
                jobs.append(job)
            }
        }
        var answers = try await enqueue(jobs).makeIterator()
        for index in outcomes.indices {
            guard case .accepted(let accepted, _) = outcomes[index], let answer = answers.next() else { continue }
            switch answer {
            case .added: break
            case .exists: outcomes[index] = .accepted(accepted, isDuplicate: true)
            case .conflict, .duplicate, .batchEnded: outcomes[index] = .refused(Self.reused)
            case .full: outcomes[index] = .refused(.queueTooLong)
            }
        }
        count(outcomes)
        return outcomes
    }

    func enqueue(_ jobs: [NewJob]) async throws(IngestRefusal) -> [EnqueueOutcome] {
        do throws(QueueError) {
            let outcomes = try await queue.enqueue(jobs)
            refusals.taken()
            return outcomes
        } catch {
            throw refusals.refusal(error)
        }
    }

    private func count(_ outcomes: [Outcome]) {
        var (duplicates, refused) = (0, 0)
        for outcome in outcomes {
            switch outcome {
            case .accepted(_, let isDuplicate): duplicates += isDuplicate ? 1 : 0
            case .refused: refused += 1
            }
        }
        metrics.acceptedEvents.add(outcomes.count - duplicates - refused)
        if duplicates > 0 { metrics.duplicateEvents.add(duplicates) }
        if refused > 0 { metrics.refusedEvents.add(refused) }
    }

    private static let reused = IngestRefusal(
        422, "event_id_reused", "This event id belongs to an event with other content; the first one stays.",
        problems: [FieldProblem("id", "was used for another event")])

    private static func tooLarge(_ limit: Int) -> IngestRefusal {
        IngestRefusal(413, "event_too_large", "The event has more than \(limit) bytes when mapped.")
    }
}
