import EventLoop
import JobQueue
import Redis
import Testing

@testable import Ingest

struct StoreRefusalTests {
    init() { Loop.startThread() }

    @Loop @Test func eachReasonOfTheStoreHasItsOwnWord() {
        let refusals = StoreRefusals()
        for (error, code) in [
            (QueueError.outOfMemory, "store_full"),
            (.unreachable(RedisError(.unreplicated, "0 of 1 replicas have it")), "store_not_replicated"),
            (.unreachable(RedisError(.noReplicas, "NOREPLICAS")), "store_not_replicated"),
            (.unreachable(RedisError(.notConnected, "not connected")), "store_unavailable"),
            (.failed("an unexpected answer"), "store_unavailable"),
        ] {
            let refusal = refusals.refusal(error)
            #expect(refusal.status == 503 && refusal.code == code && refusal.retryAfter != nil)
        }
    }
}
