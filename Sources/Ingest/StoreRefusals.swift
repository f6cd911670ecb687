import Core
import EventLoop
import JobQueue
import Redis
import Telemetry

/// What a caller is told when the queue does not take a job, and what the log says of it: once when that begins, and once
/// when it is over.
@Loop
final class StoreRefusals {
    private var refusedCount = 0
    private var lastRefusal: Int64 = 0
    private let log = Log(component: "ingest")

    /// Without a refusal for so long it is over. Of a Cluster some shards may be refused while others are not.
    private static let calmMilliseconds: Int64 = 2000

    func refusal(_ error: QueueError) -> IngestRefusal {
        let refusal = Self.refusal(error)
        switch error {
        case .invalid, .failed:
            // A bug: no outage, which ends.
            log.error("an enqueue was refused", ["error": .error(error)])
            return refusal
        case .outOfMemory, .unreachable: break
        }
        if refusedCount == 0 {
            log.warning(
                "the queue's store does not take what is sent",
                ["error": .error(error), "http.code": .string(refusal.code)])
        }
        refusedCount += 1
        lastRefusal = Loop.monotonicMilliseconds
        return refusal
    }

    /// To be called for each call that the queue has answered.
    func taken() {
        guard refusedCount > 0, Loop.monotonicMilliseconds - lastRefusal >= Self.calmMilliseconds else { return }
        log.info("the queue's store takes what is sent again", ["http.refused": .int(refusedCount)])
        refusedCount = 0
    }

    private static func refusal(_ error: QueueError) -> IngestRefusal {
        switch error {
        case .outOfMemory: .storeFull
        case .unreachable(let error) where error.kind == .unreplicated || error.kind == .noReplicas:
            .storeNotReplicated
        case .unreachable, .invalid, .failed: .storeUnavailable
        }
    }
}
