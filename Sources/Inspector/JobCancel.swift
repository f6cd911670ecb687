import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue

/// Cancels jobs: what `tributary cancel` does when it is given jobs.
enum JobCancel {
    private struct Cancelled {
        let job: StoredJob
        let outcome: CancelOutcome

        var isGood: Bool {
            switch outcome {
            case .cancelled, .requested: true
            case .ended, .unknown: false
            }
        }

        var line: StyledLine {
            switch outcome {
            case .cancelled: "\(job.id, .bold) is cancelled: it will not run."
            case .requested:
                "\(job.id, .bold) runs: its worker is told, and it gets no further run. This one may still succeed."
            case .ended(let state): "\(job.id, .bold) had ended before: it is \(state.rawValue, .notice)."
            case .unknown: "\(job.id, .bold) \("has left its queue", .notice) meanwhile."
            }
        }

        var json: JSON {
            var outcome = "cancelled"
            var state: JSON = .null
            switch self.outcome {
            case .cancelled: break
            case .requested: outcome = "requested"
            case .ended(let ended):
                outcome = "ended"
                state = .string(ended.rawValue)
            case .unknown: outcome = "unknown"
            }
            return [
                "id": .string(job.id), "queue": .string(job.queue.rawValue), "outcome": .string(outcome),
                "state": state,
            ]
        }
    }

    @Loop static func run(_ session: Session, _ arguments: Arguments) async throws -> Answer {
        guard !arguments.positional.isEmpty else { throw Arguments.Usage("<id> is missing") }
        let queue = try await session.queue()
        let rows = OwedRows(pool: try await session.postgres())
        let name = arguments.queue
        // All are looked for before the first one is touched.
        var jobs: [StoredJob] = []
        for id in arguments.positional { jobs.append(try await alive(id, name, queue)) }
        var done: [Cancelled] = []
        for job in jobs {
            // The row first: what it still owes, the sweep would enqueue again. In the words of a deletion, which no rebuild
            // undoes.
            let reason = "\(OwedRows.deletionMark)\(arguments.text("actor", or: "operator")): its job was cancelled"
            try await rows.record([JobEnd(job, reason: reason)])
            done.append(Cancelled(job: job, outcome: try await queue.cancel(job.id, in: job.queue)))
        }
        return Answer(
            ["jobs": .array(done.map(\.json))], done.map(\.line), isGood: done.allSatisfy(\.isGood))
    }

    @Loop private static func alive(_ id: String, _ name: QueueName?, _ queue: JobQueue) async throws -> StoredJob {
        guard let found = try await queue.find(id, inAnyOf: name.map { [$0] } ?? QueueName.allCases) else {
            let place = name.map { "queue \($0.rawValue) holds no" } ?? "no queue holds a"
            throw Refusal("\(place) job \(id): see `tributary jobs`; a commission is cancelled with --reason")
        }
        switch found.state {
        case .ready, .leased, .live, .scheduled: return found
        case .dead, .quarantined:
            throw Refusal("job \(id) is \(found.state.rawValue): `tributary dead delete \(id)` ends it")
        case .completed, .cancelled, .expired: throw Refusal("job \(id) is \(found.state.rawValue) already")
        }
    }
}
