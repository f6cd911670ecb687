import Core

/// Which batch is due when: a file of `schedules/`.
package struct Schedule: Hashable, Sendable {
    /// What becomes of a time that the clocks skip, as when summer time begins.
    package enum Gap: String, CaseIterable, Sendable {
        /// It is due at the next instant there is. (A whole day that a zone leaves out has no slots.)
        case next
        case skip
    }

    /// What becomes of a time that comes twice, as when summer time ends.
    package enum Overlap: String, CaseIterable, Sendable {
        case first
        case both
    }

    /// What becomes of slots for which no scheduler ran.
    package enum Missed: String, CaseIterable, Sendable {
        /// They are left out.
        case skip
        /// The newest one fires, late.
        case once
        /// All fire, late and in order; of more than ``Schedule/missedMax`` the newest.
        case all
    }

    /// A bound on what a scheduler catches up with.
    package static let missedMax = 100
    /// A slot that is this late counts as missed. Longer than a scheduler's longest wait between two looks at the clock.
    package static let lateness = Duration.seconds(120)

    /// The key of its runs: a schedule that is renamed begins anew.
    package let name: String
    package let cron: CronExpression
    package let zoneName: String
    package let zone: TimeZoneRules
    package let batch: String
    package let gap: Gap
    package let overlap: Overlap
    package let missed: Missed

    package init(
        name: String, cron: CronExpression, zoneName: String, zone: TimeZoneRules, batch: String, gap: Gap = .next,
        overlap: Overlap = .first, missed: Missed = .once
    ) {
        self.name = name
        self.cron = cron
        self.zoneName = zoneName
        self.zone = zone
        self.batch = batch
        self.gap = gap
        self.overlap = overlap
        self.missed = missed
    }
}
