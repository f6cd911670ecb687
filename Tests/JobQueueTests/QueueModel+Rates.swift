@testable import JobQueue

extension QueueModel {
    /// What a job has said of itself.
    struct Notes: Equatable {
        /// Parts of 1000, or `nil` when it never said.
        var progress: Int?
        var lines: [String] = []
    }

    // MARK: Rates

    /// When a head may start by its key's rate (GCRA), and counts it as started then; 0 is at once.
    mutating func start(_ id: String, due: Int64, now: Int64) -> Int64 {
        guard let job = jobs[id], let key = job.orderKey, job.interval > 0 else { return due }
        let earliest = max(due, now)
        let theoretical = max(rates[key] ?? 0, earliest)
        rates[key] = theoretical + job.interval
        return max(earliest, theoretical - (job.burst - 1) * job.interval)
    }

    /// Those that bind nobody any more.
    mutating func trimRates(now: Int64) { rates = rates.filter { $0.value > now } }

    // MARK: Notes

    /// Whether the job is under that lease, and so may say something.
    mutating func note(fence: Int64, token: String, id: String, progress: Int?, line: String?) -> Bool {
        guard let lease = leases[fence], lease.token == token, lease.ids.contains(id) else { return false }
        var own = notes[id] ?? Notes()
        if let progress { own.progress = progress }
        if let line { own.lines.append(line) }
        notes[id] = own
        return true
    }

    /// Notes go with their jobs.
    mutating func dropNotes() { notes = notes.filter { jobs[$0.key] != nil } }

    // MARK: Invariants

    /// Each job is in exactly one place; leases and expiries go together.
    func brokenInvariant() -> String? {
        var places: [String] = ready.values.flatMap(\.self) + alone
        places += scheduled.keys.map(Self.id(ofMember:))
        places += leases.values.flatMap(\.ids)
        places += dead.keys
        places += ordered.values.flatMap { $0.map(\.id) }
        places += kept.keys
        for (place, id) in heads where jobs[id]?.orderKey.map({ place.hasPrefix($0) }) != true {
            return "a foreign head"
        }
        for key in ordered.keys where !heads.keys.contains(where: { $0.hasPrefix(key) }) {
            return "jobs held back without a head"
        }
        if places.count != Set(places).count { return "a job is in two places" }
        if Set(places) != Set(jobs.keys) { return "a job is in no place, or a place without a job" }
        return Set(leases.keys) == Set(expiries.keys) ? nil : "a lease without an expiry, or the other way round"
    }
}
