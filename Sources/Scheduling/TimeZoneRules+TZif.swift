extension TimeZoneRules {
    /// A TZif file cannot be used; the description says why.
    package struct Invalid: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the data of version 2 or later of a TZif file (RFC 9636, section 3): header, 32-bit data (left out), header, 64-bit
    /// data, footer. Files that count leap seconds are refused: PostgreSQL's clock does not count them.
    package init(tzif bytes: [UInt8]) throws(Invalid) {
        var reader = TZifReader(bytes)
        let first = try reader.header()
        guard first.version >= UInt8(ascii: "2") else { throw Invalid(description: "version 1 ends in 2037") }
        try reader.skip(first.dataBytes(timeBytes: 4))
        let header = try reader.header()
        guard header.leapSeconds == 0 else { throw Invalid(description: "it counts leap seconds") }
        guard header.types > 0 else { throw Invalid(description: "it has no local time type") }

        var times: [Int64] = []
        for _ in 0..<header.times {
            let time = try reader.integer64()
            guard times.last.map({ $0 < time }) ?? true else { throw Invalid(description: "transitions out of order") }
            times.append(time)
        }
        let indices = try reader.take(header.times)
        var offsets: [Int] = []
        for _ in 0..<header.types {
            let offset = Int(try reader.integer32())
            guard (-25 * 3600...26 * 3600).contains(offset) else { throw Invalid(description: "offset \(offset)") }
            offsets.append(offset)
            _ = try reader.take(2)  // Whether it is summer time, and its name: neither moves a clock.
        }
        var transitions: [Transition] = []
        for (time, index) in zip(times, indices) {
            guard Int(index) < offsets.count else { throw Invalid(description: "no local time type \(index)") }
            transitions.append(Transition(at: time, offset: offsets[Int(index)]))
        }
        try reader.skip(header.names + header.standardIndicators + header.utcIndicators)
        let footer = try reader.footer()
        var rule: PosixTimeZone?
        if !footer.isEmpty {
            rule = PosixTimeZone(footer)
            guard rule != nil else { throw Invalid(description: "the rule '\(footer)' cannot be read") }
        }
        self.init(initialOffset: offsets[0], transitions: transitions, footer: rule)
    }
}

/// Reads big-endian numbers from left to right.
private struct TZifReader {
    struct Header {
        let version: UInt8
        let utcIndicators, standardIndicators, leapSeconds, times, types, names: Int

        /// The length of the data that follow the header.
        func dataBytes(timeBytes: Int) -> Int {
            times * (timeBytes + 1) + types * 6 + names + leapSeconds * (timeBytes + 4) + standardIndicators
                + utcIndicators
        }
    }

    /// Real files stay below 4,000 bytes and 300 transitions.
    private static let countMax = 100_000
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func take(_ count: Int) throws(TimeZoneRules.Invalid) -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw TimeZoneRules.Invalid(description: "it ends too early") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func skip(_ count: Int) throws(TimeZoneRules.Invalid) { _ = try take(count) }

    mutating func integer32() throws(TimeZoneRules.Invalid) -> Int32 {
        Int32(bitPattern: try take(4).reduce(0) { $0 << 8 | UInt32($1) })
    }

    mutating func integer64() throws(TimeZoneRules.Invalid) -> Int64 {
        Int64(bitPattern: try take(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    private mutating func count() throws(TimeZoneRules.Invalid) -> Int {
        let count = Int(try integer32())
        guard (0...Self.countMax).contains(count) else {
            throw TimeZoneRules.Invalid(description: "a count of \(count)")
        }
        return count
    }

    mutating func header() throws(TimeZoneRules.Invalid) -> Header {
        guard Array(try take(4)) == Array("TZif".utf8), let version = try take(1).first else {
            throw TimeZoneRules.Invalid(description: "it is no TZif file")
        }
        try skip(15)
        return Header(
            version: version, utcIndicators: try count(), standardIndicators: try count(), leapSeconds: try count(),
            times: try count(), types: try count(), names: try count())
    }

    /// The line after the data.
    mutating func footer() throws(TimeZoneRules.Invalid) -> String {
        let newline = UInt8(ascii: "\n")
        guard rest.first == newline, rest.count >= 2, rest.last == newline else {
            throw TimeZoneRules.Invalid(description: "it has no footer")
        }
        return String(decoding: rest.dropFirst().dropLast(), as: UTF8.self)
    }
}
