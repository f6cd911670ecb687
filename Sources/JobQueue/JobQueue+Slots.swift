package import Core
import EventLoop
import Redis
import Telemetry

/// What an enqueue of a slot's job did.
package enum SlotOutcome: Hashable, Sendable {
    /// The job waits now, or a job of this id is there already.
    case enqueued
    /// Nothing was enqueued: this slot or a later one of the schedule was before.
    case seen
    /// Nothing was enqueued: another job, of another kind or payload, has this id.
    case conflict
}

extension JobQueue {
    /// Enqueues the job of a schedule's slot once, however often and by however many it is asked for, even when the job has run and
    /// left no trace: the job and the note of its slot are one script. A schedule's slots must be enqueued in their order.
    ///
    /// What a slot promises is a follow-up of its row: no limit of the queue refuses it. May be repeated after every error. O(1)
    /// - Parameters:
    ///   - job: without unique key and batch.
    ///   - schedule: what slots are of, 1 to 64 bytes; kept in the queue's shard of the job's key.
    package func enqueue(
        _ job: NewJob, ofSlot slot: EpochMilliseconds, of schedule: String
    ) async throws(QueueError) -> SlotOutcome {
        if let problem = job.problem(payloadBytesMax: configuration.payloadBytesMax) { throw .invalid(problem) }
        guard job.unique == nil, job.batch == nil, job.delay == .zero else {
            throw .invalid("a slot's job can have no unique key, no batch and no delay")
        }
        let shard = configuration.shard(of: job.shardKey)
        let arguments: [RedisArgument] = [
            .string(schedule), .integer(slot.rawValue), job.uses.options(of: job.queue), .string(job.id), "0",
            .bytes(JobRecord.body(of: job)),
        ]
        // Whoever asks takes this for the end of its promise.
        let way = context.way(isAcknowledged: true)
        let result = await withCheckedContinuation { continuation in
            way.send(
                QueueScript.enqueueSlot, keys: context.keys.withSlots(of: job.queue, shard: shard),
                arguments: arguments
            ) { continuation.resume(returning: $0) }
        }
        let answer = try result.mapError { QueueError($0) }.get()
        guard let code = answer.bytes?.first, answer.bytes?.count == 1 else {
            throw .unexpected(QueueScript.enqueueSlot)
        }
        let outcome: SlotOutcome
        switch code {
        case UInt8(ascii: "-"): outcome = .seen
        case UInt8(ascii: "a"): outcome = .enqueued
        default:
            guard let found = EnqueueOutcome(code: code) else { throw .unexpected(QueueScript.enqueueSlot) }
            if case .conflict = found { outcome = .conflict } else { outcome = .enqueued }
        }
        let count =
            code == UInt8(ascii: "a")
            ? context.metrics.added : outcome == .conflict ? context.metrics.conflicts : context.metrics.repeated
        count[job.queue.ordinal].add(1)
        return outcome
    }
}
