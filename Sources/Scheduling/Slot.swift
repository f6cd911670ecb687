package import Core

/// One time at which a schedule is due.
package struct Slot: Hashable, Comparable, Sendable {
    /// What makes it this slot and no other.
    package let instant: EpochMilliseconds
    /// The day, in the schedule's zone, that it is for. A time skipped by a change of the clocks just before midnight is made up
    /// for on the next day and still is for its own.
    package let date: CivilDate

    package static func < (left: Self, right: Self) -> Bool {
        (left.instant, left.date) < (right.instant, right.date)
    }
}
