import Core

/// What is due when: a file of `schedules/`, or of the folder that an operator named.
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

    /// Bounds of ``missedMax``.
    package static let missedMaxRange = 1...1000
    /// ``missedMax`` where nothing is said.
    package static let missedMaxDefault = 100
    /// A slot that is this late counts as missed. Longer than a scheduler's longest wait between two looks at the clock.
    package static let lateness = Duration.seconds(120)

    /// The key of its history: a schedule that is renamed begins anew.
    package let name: String
    package let recurrence: Recurrence
    package let zoneName: String
    package let zone: TimeZoneRules
    package let work: ScheduledWork
    package let gap: Gap
    package let overlap: Overlap
    package let missed: Missed
    /// A bound on the slots that a scheduler catches up with.
    package let missedMax: Int

    package init(
        name: String, _ recurrence: Recurrence, zoneName: String, zone: TimeZoneRules, work: ScheduledWork,
        gap: Gap = .next, overlap: Overlap = .first, missed: Missed = .once,
        missedMax: Int = Schedule.missedMaxDefault
    ) {
        self.name = name
        self.recurrence = recurrence
        self.zoneName = zoneName
        self.zone = zone
        self.work = work
        self.gap = gap
        self.overlap = overlap
        self.missed = missed
        self.missedMax = missedMax
    }
}
