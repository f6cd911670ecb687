package import Core

/// Slots at even distances: every instant that lies a whole number of ``length`` before or after ``anchor``, in UTC.
///
/// So they are a function of the schedule alone: no scheduler's start, no slot before and no change of the clocks moves them.
package struct SlotInterval: Hashable, Sendable, CustomStringConvertible {
    /// The text is not an interval; the description says what is.
    package struct Invalid: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// The least and the greatest length.
    package static let range = Duration.seconds(1)...Duration.seconds(366 * 86_400)
    private static let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]

    /// Whole seconds.
    package let length: Duration
    /// Whole seconds; says where slots lie, not when they begin. 1970-01-01T00:00:00Z by default.
    package let anchor: EpochMilliseconds
    /// As it was written.
    package let description: String

    /// - Parameters:
    ///   - text: a whole number of seconds, minutes, hours or days of 24 hours, such as `90s`, `15m`, `6h`, `7d`.
    ///   - anchor: cut to whole seconds.
    package init(_ text: String, anchor: EpochMilliseconds = EpochMilliseconds(rawValue: 0)) throws(Invalid) {
        let digits = text.dropLast()
        guard let unit = text.last.flatMap({ Self.units[$0] }), (1...9).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits)
        else { throw Invalid(description: "'\(text)' is no interval: write 90s, 15m, 6h or 7d") }
        length = .seconds(number * unit)
        guard Self.range.contains(length) else { throw Invalid(description: "'\(text)' is not within 1s to 366d") }
        self.anchor = EpochMilliseconds(rawValue: anchor.rawValue.flooredQuotient(by: 1000) * 1000)
        description = text
    }

    /// The first slot after `instant`. O(1)
    func next(after instant: EpochMilliseconds) -> EpochMilliseconds { last(through: instant) + length }

    /// The last slot that is not later than `instant`. O(1)
    private func last(through instant: EpochMilliseconds) -> EpochMilliseconds {
        let step = length.milliseconds
        let count = (instant.rawValue - anchor.rawValue).flooredQuotient(by: step)
        return EpochMilliseconds(rawValue: anchor.rawValue + count * step)
    }

    /// The newest slots after `start` and up to `end`, at most `limit` of them, in order. O(limit)
    func slots(after start: EpochMilliseconds, through end: EpochMilliseconds, limit: Int) -> [EpochMilliseconds] {
        var found: [EpochMilliseconds] = []
        var slot = last(through: end)
        while slot > start, found.count < limit {
            found.append(slot)
            slot = slot - length
        }
        return found.reversed()
    }
}
