/// What clocks show in a zone, past and to come: the content of a TZif file (RFC 9636). Pure.
package struct TimeZoneRules: Hashable, Sendable {
    /// From `at` (seconds since 1970) clocks are `offset` seconds east of UTC.
    struct Transition: Hashable, Sendable {
        let at: Int64
        let offset: Int
    }

    /// What a time on the wall stands for; instants are seconds since 1970.
    package enum Moment: Hashable, Sendable {
        case once(Int64)
        /// Clocks were set back over it.
        case twice(first: Int64, second: Int64)
        /// Clocks were set forward over it, at this instant.
        case never(next: Int64)
    }

    /// Offsets are between -25 and 26 hours (RFC 9636), so no wall time is farther than this from its instant.
    private static let offsetMax: Int64 = 26 * 3600

    private let transitions: [Transition]
    private let initialOffset: Int
    private let footer: PosixTimeZone?

    init(initialOffset: Int, transitions: [Transition], footer: PosixTimeZone?) {
        self.initialOffset = initialOffset
        self.transitions = transitions
        self.footer = footer
    }

    /// Seconds east of UTC at `instant`.
    package func offset(at instant: Int64) -> Int {
        let index = transitions.partition { $0.at > instant }
        if index < transitions.count || footer == nil {
            return index == 0 ? initialOffset : transitions[index - 1].offset
        }
        let changes = footer?.transitions(around: instant...instant) ?? []
        return changes.last { $0.at <= instant }?.offset ?? footer?.standardOffset ?? initialOffset
    }

    /// What has to be known of a span of wall times, looked up once for all of them.
    func walls(_ span: ClosedRange<Int64>) -> Walls {
        let near = (span.lowerBound - Self.offsetMax)...(span.upperBound + Self.offsetMax)
        return Walls(before: offset(at: near.lowerBound - 1), changes: changes(in: near))
    }

    /// The offset before a span of wall times, and the changes that may concern them.
    struct Walls {
        fileprivate let before: Int
        fileprivate let changes: [Transition]

        /// The one offset of all of them; `nil` where a clock is set near enough to matter.
        var offset: Int? { changes.isEmpty ? before : nil }

        /// The instant of a wall time, which is counted in seconds since 1970-01-01T00:00:00 on the wall.
        func moment(ofWall wall: Int64) -> Moment {
            var instants: [Int64] = []
            var gap: Int64?
            var (before, start) = (before, Int64.min)
            func look(until end: Int64) {
                let instant = wall - Int64(before)
                if instant >= start, instant < end { instants.append(instant) }
            }
            for change in changes {
                look(until: change.at)
                if wall >= change.at + Int64(before), wall < change.at + Int64(change.offset) { gap = change.at }
                (before, start) = (change.offset, change.at)
            }
            look(until: .max)
            if let first = instants.first, let last = instants.last {
                return first == last ? .once(first) : .twice(first: first, second: last)
            }
            guard let gap else { preconditionFailure("a wall time is neither there nor skipped") }
            return .never(next: gap)
        }
    }

    /// The changes of the offset within `range`, in order.
    package func changes(at range: ClosedRange<Int64>) -> [Int64] { changes(in: range).map(\.at) }

    private func changes(in range: ClosedRange<Int64>) -> [Transition] {
        let first = transitions.partition { $0.at >= range.lowerBound }
        var found = Array(transitions[first...].prefix { $0.at <= range.upperBound })
        let last = transitions.last?.at ?? .min
        if range.upperBound > last, let footer {
            found += footer.transitions(around: range).filter { $0.at > last && range.contains($0.at) }
        }
        // Some transitions change only the name; what counts is the offset.
        var before = offset(at: range.lowerBound - 1)
        return found.filter { change in
            defer { before = change.offset }
            return change.offset != before
        }
    }
}

extension [TimeZoneRules.Transition] {
    /// The index of the first element for which `isAfter` holds; those before it do not, those after it do.
    fileprivate func partition(_ isAfter: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
