import Core
import JobQueue

/// Which jobs that failed for good a family of commands is about: all of them (`dead …`), or those whose workers ended while
/// they ran (`quarantine …`).
struct DeadLetterSubject: Sendable {
    /// The first word of its commands.
    let word: String
    /// Only those in this state; both without one.
    let state: JobState?
    let one: String
    /// Such as `dead letters`.
    let many: String

    static let dead = Self(word: "dead", state: nil, one: "dead letter", many: "dead letters")
    static let quarantine = Self(
        word: "quarantine", state: .quarantined, one: "quarantined job", many: "quarantined jobs")

    /// What says which ones.
    var filters: [CommandOption] {
        [QueueCommands.queueOption]
            + (state == nil
                ? [.value("state", "STATE", "dead or quarantined only", choices: ["dead", "quarantined"])] : [])
            + [JobSearch.kind, JobSearch.error, JobSearch.idPrefix, JobSearch.since, JobSearch.until]
    }

    func filter(_ arguments: Arguments, now: EpochMilliseconds) throws -> JobFilter {
        var filter = try JobSearch.filter(arguments, now: now)
        if let state { filter.states = [state] }
        filter.places = [.dead]
        return filter
    }

    func counted(_ count: Int) -> String { count.counted(one, many) }

    /// Refuses a job that is none of them.
    func check(_ job: StoredJob) throws {
        if job.state == .quarantined || (job.state == .dead && state == nil) { return }
        let wanted = state?.rawValue ?? "dead"
        throw Refusal("job \(job.id) is \(job.state.rawValue), not \(wanted): see `tributary job \(job.id)`")
    }
}
