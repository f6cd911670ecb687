import Core

/// The rule after a TZif file's last transition: a POSIX `TZ` string such as `CET-1CEST,M3.5.0,M10.5.0/3`, with the extension
/// of RFC 9636 that times may be from -167 to 167 hours.
struct PosixTimeZone: Hashable, Sendable {
    /// The day of a change: of the week, of the year without 29 February, or of the year with it.
    enum Day: Hashable, Sendable {
        case weekday(month: Int, week: Int, day: Int)
        case julian(Int)
        case zeroBased(Int)
    }

    struct Change: Hashable, Sendable {
        let day: Day
        /// Seconds after the day's midnight, in the local time before the change.
        let seconds: Int
    }

    struct Summer: Hashable, Sendable {
        let offset: Int
        let start: Change
        let end: Change
    }

    /// Seconds east of UTC.
    let standardOffset: Int
    let summer: Summer?

    init?(_ text: String) {
        var reader = PosixTimeZoneReader(text)
        guard reader.name(), let offset = reader.time(hoursMax: 24) else { return nil }
        standardOffset = -offset
        if reader.isAtEnd {
            summer = nil
            return
        }
        guard reader.name() else { return nil }
        var summerOffset = standardOffset + 3600
        if !reader.isNext(",") {
            guard let offset = reader.time(hoursMax: 24) else { return nil }
            summerOffset = -offset
        }
        guard reader.skip(","), let start = reader.change(), reader.skip(","), let end = reader.change(),
            reader.isAtEnd
        else { return nil }
        summer = Summer(offset: summerOffset, start: start, end: end)
    }

    /// The changes of the years that `range` (seconds since 1970) touches and of their neighbours, in order.
    func transitions(around range: ClosedRange<Int64>) -> [TimeZoneRules.Transition] {
        guard let summer else { return [] }
        var transitions: [TimeZoneRules.Transition] = []
        for year in (Self.year(range.lowerBound) - 1)...(Self.year(range.upperBound) + 1) {
            let end = Self.start(of: summer.end, in: year) - Int64(summer.offset)
            let start = Self.start(of: summer.start, in: year) - Int64(standardOffset)
            transitions.append(TimeZoneRules.Transition(at: end, offset: standardOffset))
            transitions.append(TimeZoneRules.Transition(at: start, offset: summer.offset))
        }
        // Summer for ever is written as one that ends at the second at which the next one starts: the end is then none.
        transitions.sort { $0.at < $1.at }
        let starts = Set(transitions.lazy.filter { $0.offset == summer.offset }.map(\.at))
        return transitions.filter { $0.offset == summer.offset || !starts.contains($0.at) }
    }

    private static func year(_ seconds: Int64) -> Int {
        CivilDate(utc: EpochMilliseconds(rawValue: seconds * 1000)).year
    }

    /// Seconds since 1970 as the local clock before the change counts them.
    private static func start(of change: Change, in year: Int) -> Int64 {
        func daysSinceEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
            guard let date = CivilDate(year: year, month: month, day: day) else {
                preconditionFailure("no date \(year)-\(month)-\(day)")
            }
            return date.daysSinceEpoch
        }
        let newYear = daysSinceEpoch(year, 1, 1)
        let day: Int
        switch change.day {
        case .zeroBased(let number):
            day = newYear + number
        case .julian(let number):
            let isLeap = CivilDate(year: year, month: 2, day: 29) != nil
            day = newYear + number - 1 + (isLeap && number >= 60 ? 1 : 0)
        case .weekday(let month, let week, let weekday):
            let first = daysSinceEpoch(year, month, 1)
            let next = month == 12 ? daysSinceEpoch(year + 1, 1, 1) : daysSinceEpoch(year, month + 1, 1)
            // 1970-01-01 was a Thursday.
            let firstWeekday = ((first + 4) % 7 + 7) % 7
            var candidate = first + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
            if candidate >= next { candidate -= 7 }
            day = candidate
        }
        return Int64(day) * 86_400 + Int64(change.seconds)
    }
}
