package import Core

/// Which jobs are meant. Everything that is `nil` lets every job pass.
package struct JobFilter: Hashable, Sendable {
    /// In the order in which they are looked through.
    package var queues = QueueName.allCases
    /// In the order in which they are looked through; ``states`` must name no state that stands elsewhere.
    package var places = JobPlace.allCases
    package var states: Set<JobState>?
    package var kind: String?
    /// In the last failure's message, upper and lower case as it stands.
    package var errorContains: String?
    package var idPrefix: String?
    package var batch: String?
    /// Jobs of a shard key lie all in one shard, but the key itself is not kept: the others of that shard pass too.
    package var shardKey: String?
    /// Of dead and quarantined jobs their time of death, of the others when they were enqueued.
    package var since: EpochMilliseconds?
    package var until: EpochMilliseconds?

    package init() {}

    /// All dead and quarantined jobs.
    package static var deadLetters: JobFilter {
        var filter = JobFilter()
        filter.places = [.dead]
        return filter
    }

    /// Lets pass jobs of one state only, and looks only where such jobs stand.
    ///
    /// - Returns: false for a state in which jobs leave no trace, or that is not one state.
    package mutating func only(_ state: JobState) -> Bool {
        switch state {
        case .ready: places = [.alone, .urgent, .high, .ready, .low, .held]
        case .leased: places = [.leased]
        case .scheduled: places = [.scheduled]
        case .dead, .quarantined: places = [.dead]
        case .completed: places = [.kept]
        case .live, .cancelled, .expired: return false
        }
        states = [state]
        return true
    }

    package func matches(_ job: StoredJob) -> Bool {
        if let states, !states.contains(job.state) { return false }
        if let kind, job.kind != kind { return false }
        if let idPrefix, !job.id.hasPrefix(idPrefix) { return false }
        if let batch, job.batch != batch { return false }
        if let text = errorContains, job.failures.last?.message.contains(text) != true { return false }
        let time = job.diedAt ?? job.enqueuedAt
        if let since, time.map({ $0 < since }) ?? true { return false }
        if let until, time.map({ $0 > until }) ?? true { return false }
        return true
    }
}
