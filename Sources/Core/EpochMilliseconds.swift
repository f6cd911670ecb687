/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
package struct EpochMilliseconds: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    package static func + (left: Self, right: Duration) -> Self {
        Self(rawValue: left.rawValue + right.milliseconds)
    }

    package static func - (left: Self, right: Duration) -> Self {
        Self(rawValue: left.rawValue - right.milliseconds)
    }

    /// The time from `earlier` to this instant.
    package func since(_ earlier: Self) -> Duration { .milliseconds(rawValue - earlier.rawValue) }
}

extension Duration {
    /// Whole milliseconds, the rest cut off.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Whole microseconds, the rest cut off; what does not fit is the nearest that does.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isStillTooLarge) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        if isTooLarge || isStillTooLarge { return seconds < 0 ? .min : .max }
        return sum
    }
}
