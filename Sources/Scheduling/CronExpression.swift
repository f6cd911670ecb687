package import Core

/// When something recurs, in local time: `minute hour day-of-month month day-of-week`, as crontab(5) has it.
///
/// A field is `*`, a value, a range `1-5`, any of them in a list, and `*` and ranges may have a step: `*/15`, `8-18/2`. Months
/// and days of the week may be named (`JAN`, `sun`); Sunday is 0 and 7.
///
/// Days follow POSIX: when both day fields are restricted, a day that fits either one counts. As in cronie, a field that begins
/// with `*` is not restricted, so `0 0 */2 * MON` is each Monday of an odd date.
package struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// The text is not a cron expression; the description says which field is wrong, and how.
    package struct Invalid: Error, Hashable, CustomStringConvertible {
        /// `nil` when it is about the whole.
        package let field: CronField?
        package let reason: String

        package var description: String { (field.map { "\($0.rawValue): " } ?? "") + reason }
    }

    /// As it was written.
    package let description: String
    // A bit for each value.
    private let minutes: UInt64
    private let hours: UInt64
    private let daysOfMonth: UInt64
    private let months: UInt64
    private let daysOfWeek: UInt64
    private let eitherDayCounts: Bool

    package init(_ text: String) throws(Invalid) {
        let fields = text.split { $0 == " " || $0 == "\t" }
        guard fields.count == CronField.allCases.count else {
            throw Invalid(field: nil, reason: "five fields are needed, not \(fields.count)")
        }
        minutes = try CronField.minute.values(fields[0])
        hours = try CronField.hour.values(fields[1])
        daysOfMonth = try CronField.dayOfMonth.values(fields[2])
        months = try CronField.month.values(fields[3])
        daysOfWeek = try CronField.dayOfWeek.values(fields[4])
        eitherDayCounts = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        description = text
        guard eitherDayCounts || hasSomeDay else {
            throw Invalid(field: .dayOfMonth, reason: "none of the months has such a day")
        }
    }

    /// Whether the calendar has a day of these days and months at all; 2000 is a leap year.
    private var hasSomeDay: Bool {
        (1...12).contains { month in
            months.has(month)
                && (1...31).contains { daysOfMonth.has($0) && CivilDate(year: 2000, month: month, day: $0) != nil }
        }
    }

    package func includes(_ date: CivilDate) -> Bool {
        guard months.has(date.month) else { return false }
        // 1970-01-01 was a Thursday.
        let dayOfWeek = ((date.daysSinceEpoch + 4) % 7 + 7) % 7
        let (fitsMonth, fitsWeek) = (daysOfMonth.has(date.day), daysOfWeek.has(dayOfWeek))
        return eitherDayCounts ? fitsMonth || fitsWeek : fitsMonth && fitsWeek
    }

    /// The minutes of a day on which this is due, 0 ... 1439, in order.
    package var minutesOfDay: [Int] {
        (0...23).filter(hours.has).flatMap { hour in (0...59).filter(minutes.has).map { hour * 60 + $0 } }
    }
}

extension UInt64 {
    fileprivate func has(_ bit: Int) -> Bool { self & (1 << UInt64(bit)) != 0 }
}
