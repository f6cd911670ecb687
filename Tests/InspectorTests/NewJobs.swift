import Bookkeeping
import Core
import JobQueue
import Ledger

/// Jobs as the fleet's own processes enqueue them.
enum NewJobs {
    static func event(_ envelope: EventEnvelope) -> NewJob {
        NewJob(
            id: envelope.eventID.description, queue: .conversions, kind: EventEnvelope.jobKind,
            payload: envelope.payload, shardKey: envelope.externalOrderID)
    }
}
