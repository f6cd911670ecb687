import Core

// Times as people write and read them.

extension Duration {
    /// Such as `200 µs`, `340 ms`, `12 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`.
    var words: String {
        let milliseconds = milliseconds
        // Of a few milliseconds the rest is too much to leave out.
        if (1..<10_000).contains(microseconds), microseconds % 1000 != 0 { return "\(microseconds) µs" }
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1000
        if seconds < 10 { return "\(seconds).\(milliseconds % 1000 / 100) s" }
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3600 { return Self.two(seconds / 60, "min", seconds % 60, "s") }
        if seconds < 86_400 { return Self.two(seconds / 3600, "h", seconds % 3600 / 60, "min") }
        return Self.two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h")
    }

    /// The larger unit of ``words`` alone: `3 min`.
    var roughWords: String { words.split(separator: " ").prefix(2).joined(separator: " ") }

    private static func two(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
    }

    /// Reads `90s`, `15m`, `2h`, `3d`, `500ms`; `nil` for anything else.
    init?(words text: String) {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        for (unit, milliseconds) in units where text.hasSuffix(unit) {
            guard let number = Int64(text.dropLast(unit.count)), (0...1_000_000_000).contains(number) else { continue }
            self = .milliseconds(number * milliseconds)
            return
        }
        return nil
    }
}

extension EpochMilliseconds {
    /// In UTC to the second: `2026-11-20 10:30:00Z`.
    var shown: String { String(rfc3339.prefix(19)).replacing("T", with: " ") + "Z" }

    /// The time of day in UTC to the millisecond: `10:30:00.123`.
    var timeOfDay: String { String(rfc3339.dropFirst(11).prefix(12)) }

    var day: String { String(rfc3339.prefix(10)) }

    /// `3 min ago`, or `in 3 min`.
    func roughly(to now: Self) -> String {
        self <= now ? "\(now.since(self).roughWords) ago" : "in \(since(now).roughWords)"
    }

    /// `3 min 20 s ago`, or `in 3 min 20 s`.
    func relative(to now: Self) -> String {
        self <= now ? "\(now.since(self).words) ago" : "in \(since(now).words)"
    }
}

extension Int64 {
    /// With a comma after each three digits.
    var grouped: String {
        let digits = String(magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return self < 0 ? "-" + text : text
    }
}

extension Int {
    var grouped: String { Int64(self).grouped }

    /// `1 job`, `2,000 jobs`.
    func counted(_ one: String, _ many: String? = nil) -> String {
        "\(grouped) \(self == 1 ? one : many ?? one + "s")"
    }
}

extension Money {
    /// With a comma after each three digits of the whole part: `1,234.50 USD`.
    var shown: String {
        let parts = amount.split(separator: ".", maxSplits: 1)
        let negative = amount.hasPrefix("-")
        let whole = Int64(parts[0].drop { $0 == "-" }) ?? 0
        let fraction = parts.count == 2 ? "." + parts[1] : ""
        return "\(negative ? "-" : "")\(whole.grouped)\(fraction) \(currency.code)"
    }
}
