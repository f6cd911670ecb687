import JobQueue
import Postgres
import Redis

/// An error of a domain room that can come from a store which does not answer.
package protocol StoreFailure: Error {
    /// Whether no job is to blame and no attempt is spent.
    var isUnreachableStore: Bool { get }
}

/// Whose fault a thrown error is.
enum FailureClass: Equatable {
    /// A store does not answer, or asks for a repetition: nothing against the jobs.
    case unreachableStore
    /// The work was cancelled, by a stop or by a lost lease.
    case cancelled
    /// Everything else counts as some job's fault until it stands alone.
    case job

    init(_ error: any Error) {
        let isStore =
            switch error {
            case let error as PostgresError: error.isUnreachableStore || error.isSerialization
            case let error as RedisError: error.isUnreachableStore
            case let error as QueueError: error.isUnreachableStore
            case let error as any StoreFailure: error.isUnreachableStore
            default: false
            }
        self = isStore ? .unreachableStore : error is CancellationError ? .cancelled : .job
    }
}
