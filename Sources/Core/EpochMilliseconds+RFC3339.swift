extension EpochMilliseconds {
    /// Reads an RFC 3339 date-time such as `2025-11-03T10:30:00.5+09:00`.
    ///
    /// The offset is required, a fraction is optional and cut to milliseconds. A 60th second is read as the first
    /// of the next minute and accepted only at the end of a UTC day. `nil` for anything else.
    package init?(rfc3339 text: some StringProtocol) {
        var reader = DigitReader(text)
        guard let year = reader.number(digits: 4), reader.skip("-"),
            let month = reader.number(digits: 2), reader.skip("-"),
            let day = reader.number(digits: 2), reader.skip("T"),
            let date = CivilDate(year: year, month: month, day: day),
            let hour = reader.number(digits: 2), hour < 24, reader.skip(":"),
            let minute = reader.number(digits: 2), minute < 60, reader.skip(":"),
            let second = reader.number(digits: 2), second <= 60,
            let fraction = Self.fraction(&reader), let offset = Self.offset(&reader), reader.isAtEnd
        else { return nil }
        let seconds = date.daysSinceEpoch * 86_400 + (hour * 60 + minute - offset) * 60 + second
        if second == 60, seconds % 86_400 != 0 { return nil }
        self.init(rawValue: Int64(seconds) * 1000 + Int64(fraction))
    }

    /// This instant in UTC with milliseconds: `2025-11-03T10:30:00.000Z`. Years beyond 9999 take more digits.
    package var rfc3339: String {
        let date = CivilDate(utc: self)
        let remainder = Int(rawValue % 86_400_000)
        let millisecondOfDay = remainder < 0 ? remainder + 86_400_000 : remainder
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        date.append(to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        bytes.append(decimal: millisecondOfDay / 3_600_000, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(decimal: millisecondOfDay / 60_000 % 60, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(decimal: millisecondOfDay / 1000 % 60, digits: 2)
        bytes.append(UInt8(ascii: "."))
        bytes.append(decimal: millisecondOfDay % 1000, digits: 3)
        bytes.append(UInt8(ascii: "Z"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Milliseconds of an optional fraction; `nil` for a point without digits.
    private static func fraction(_ reader: inout DigitReader) -> Int? {
        guard reader.skip(".") else { return 0 }
        guard let first = reader.digit() else { return nil }
        var milliseconds = first * 100
        if let second = reader.digit() {
            milliseconds += second * 10
            if let third = reader.digit() { milliseconds += third }
        }
        while reader.digit() != nil {}
        return milliseconds
    }

    /// Minutes east of UTC: `Z`, or a sign, two digits, a colon and two digits.
    private static func offset(_ reader: inout DigitReader) -> Int? {
        if reader.skip("Z") { return 0 }
        let sign: Int
        if reader.skip("+") { sign = 1 } else if reader.skip("-") { sign = -1 } else { return nil }
        guard let hours = reader.number(digits: 2), hours < 24, reader.skip(":"),
            let minutes = reader.number(digits: 2), minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
