package import Core

/// What one look of a scan found.
package struct JobPage: Sendable {
    /// Those that match.
    package let jobs: [StoredJob]
    /// How many were looked at for it.
    package let seen: Int
    /// `nil` at the end of all.
    package let next: JobCursor?
    /// Redis' time.
    package let now: EpochMilliseconds
    /// The last one that was looked at and did not match: the place to go on from when all that match went.
    let lastUnmatched: StoredJob?
    /// Whether ``next`` goes on where this one ended, and not in another place.
    let isPlaceUnfinished: Bool
}
