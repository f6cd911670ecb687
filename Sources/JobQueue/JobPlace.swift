/// Where in a queue of a shard a job stands, in the order in which a scan goes through them.
///
/// The raw values are those of `operations/scan.lua` and of cursors.
package enum JobPlace: String, CaseIterable, Hashable, Sendable {
    /// Suspects that wait to be leased by themselves: ready, but one at a time.
    case alone
    /// Ready jobs by their priority; `ready` are those of priority normal.
    case urgent, high, ready, low
    /// Behind the head of their order key.
    case held
    case leased
    case scheduled
    /// Dead and quarantined.
    case dead
    /// Completed, where the queue keeps such jobs.
    case kept

    /// The state of a job that stands here; of the dead, its record says which.
    func state(of record: JobRecord?) -> JobState {
        switch self {
        case .alone, .urgent, .high, .ready, .low, .held: .ready
        case .leased: .leased
        case .scheduled: .scheduled
        case .kept: .completed
        case .dead: record?.isQuarantined == true ? .quarantined : .dead
        }
    }
}
