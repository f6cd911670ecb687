/// What an enqueue did with one job.
package enum EnqueueOutcome: Hashable, Sendable {
    /// It waits now.
    case added
    /// The same job is there, or was: nothing changed.
    case exists(state: JobState)
    /// Another job, of another kind or payload, has this id: nothing changed.
    case conflict(state: JobState)
    /// Another live job, named here, has its unique key: nothing changed.
    case duplicate(of: String)
    /// The queue has as many jobs as it may (``JobQueueConfiguration/lengthMax``): nothing changed. For a client: 429.
    case full

    /// Its batch is not open: it ended, or was never opened. Nothing changed.
    case batchEnded

    /// The script's code of a job, with the job that has its unique key; `nil` for a code that no script gives.
    init?(code: UInt8, holder: String? = nil) {
        if code == UInt8(ascii: "a") {
            self = .added
            return
        }
        if code == UInt8(ascii: "o") {
            self = .full
            return
        }
        if code == UInt8(ascii: "n") {
            self = .batchEnded
            return
        }
        if code == UInt8(ascii: "u") {
            guard let holder else { return nil }
            self = .duplicate(of: holder)
            return
        }
        guard let state = JobState(letter: code | 0x20) else { return nil }
        self = code & 0x20 == 0 ? .conflict(state: state) : .exists(state: state)
    }
}
