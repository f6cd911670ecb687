/// What a check of a queue's invariants found.
package struct CheckReport: Hashable, Sendable {
    /// One thing that must not be.
    package struct Finding: Hashable, Sendable {
        package let kind: Kind
        package let shard: Int
        /// A job's id, a fence, a unique or an order key.
        package let subject: String
        /// Whether it was mended by this check.
        package let isRepaired: Bool
    }

    /// The raw values are those of `operations/check.lua`.
    package enum Kind: String, CaseIterable, Hashable, Sendable {
        /// A job is in no list, set or lease: nobody would ever run it. Mended: it runs alone.
        case jobInNoPlace = "job_in_no_place"
        /// A job is in more than one. Mended where all but one are in lists.
        case jobInTwoPlaces = "job_in_two_places"
        case scheduledWithoutJob = "scheduled_without_job"
        case deadWithoutJob = "dead_without_job"
        case leaseWithoutJob = "lease_without_job"
        case leaseWithoutExpiry = "lease_without_expiry"
        case expiryWithoutLease = "expiry_without_lease"
        /// A unique key of a job that is gone, dead or has none.
        case keyWithoutJob = "key_without_job"
        /// The head of an order key is gone or dead. Mended: the next one is the head.
        case headWithoutJob = "head_without_job"
        case lineWithoutHead = "line_without_head"
        case lineWithoutJob = "line_without_job"
        /// A job with an order key is neither head nor held back. Mended: it is the head where there is none, and else joins at
        /// the end.
        case jobNotInLine = "job_not_in_line"
        /// A name in a batch whose job or batch is gone. Mended: as a job that ended without success.
        case memberWithoutJob = "member_without_job"
        case keptWithoutJob = "kept_without_job"
        case keptWithoutTime = "kept_without_time"
    }

    package internal(set) var findings: [Finding] = []
    /// Jobs and entries looked at.
    package internal(set) var seen = 0
    /// Jobs whose place could not be proven, since their shard's lists or leases are too long for one script: look again when
    /// the queue is shorter.
    package internal(set) var unproven = 0

    package init(findings: [Finding] = [], seen: Int = 0, unproven: Int = 0) {
        self.findings = findings
        self.seen = seen
        self.unproven = unproven
    }

    /// The first ones are enough to know that something is wrong.
    package static let findingsMax = 10_000
}
