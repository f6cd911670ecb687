/// Reads the parts of a POSIX `TZ` string from left to right.
struct PosixTimeZoneReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    func isNext(_ character: Unicode.Scalar) -> Bool { rest.first == UInt8(ascii: character) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard isNext(character) else { return false }
        rest.removeFirst()
        return true
    }

    /// `CET` or `<+03>`.
    mutating func name() -> Bool {
        let isQuoted = skip("<")
        let length = rest.prefix { byte in
            (0x41...0x5A).contains(byte & 0xDF)
                || isQuoted && ((0x30...0x39).contains(byte) || byte == 0x2B || byte == 0x2D)
        }.count
        guard length >= 3 else { return false }
        rest.removeFirst(length)
        return !isQuoted || skip(">")
    }

    mutating func number(through max: Int) -> Int? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...3).contains(digits.count), let number = Int(String(Substring(digits))), number <= max else {
            return nil
        }
        rest.removeFirst(digits.count)
        return number
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time(hoursMax: Int) -> Int? {
        let isNegative = isNext("-")
        if isNegative || isNext("+") { rest.removeFirst() }
        guard let hours = number(through: hoursMax) else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] where skip(":") {
            guard let number = number(through: 59) else { return nil }
            seconds += number * unit
        }
        return isNegative ? -seconds : seconds
    }

    /// `Mm.w.d`, `Jn` or `n`, and `/time` when it is not 02:00.
    mutating func change() -> PosixTimeZone.Change? {
        let day: PosixTimeZone.Day
        if skip("M") {
            guard let month = number(through: 12), month >= 1, skip("."), let week = number(through: 5), week >= 1,
                skip("."), let weekday = number(through: 6)
            else { return nil }
            day = .weekday(month: month, week: week, day: weekday)
        } else if skip("J") {
            guard let number = number(through: 365), number >= 1 else { return nil }
            day = .julian(number)
        } else {
            guard let number = number(through: 365) else { return nil }
            day = .zeroBased(number)
        }
        guard skip("/") else { return PosixTimeZone.Change(day: day, seconds: 7200) }
        guard let seconds = time(hoursMax: 167) else { return nil }
        return PosixTimeZone.Change(day: day, seconds: seconds)
    }
}
