/// What an enqueue did with one job.
package enum EnqueueOutcome: Hashable, Sendable {
    /// It waits now.
    case added
    /// The same job is there, or was: nothing changed.
    case exists(state: JobState)
    /// Another job, of another kind or payload, has this id: nothing changed.
    case conflict(state: JobState)

    /// The script's code of a job; `nil` for a code that no script gives.
    init?(code: UInt8) {
        if code == UInt8(ascii: "a") {
            self = .added
            return
        }
        guard let state = JobState(letter: code | 0x20) else { return nil }
        self = code & 0x20 == 0 ? .conflict(state: state) : .exists(state: state)
    }
}
