/// How one attempt ended.
package struct HTTPClientResult: Sendable {
    /// Each phase's own time; 0 for a phase that did not take place.
    package struct Timings: Hashable, Sendable {
        package var dnsMicroseconds = 0
        package var connectMicroseconds = 0
        package var tlsMicroseconds = 0
        /// From the request's sending to the answer's first byte.
        package var firstByteMicroseconds = 0
        /// Of the whole attempt.
        package var totalMicroseconds = 0
    }

    /// The answer's status, if its status line arrived; it may be there beside a failure.
    package var status: Int?
    /// The answer's header as it came, status line first, without those of interim (1xx) answers.
    package var headerBytes: [UInt8] = []
    /// The first bytes of the answer's body.
    package var body: [UInt8] = []
    /// Whether the body was longer than what was read; the rest was not waited for.
    package var isBodyCut = false
    /// `nil` when a whole answer came, whatever its status.
    package var failure: HTTPFailure?
    package var timings = Timings()
    /// The numeric address that was called; `nil` when there was no connection.
    package var remoteAddress: String?
    /// Whether a connection of an earlier attempt was used.
    package var reusedConnection = false

    package init() {}

    /// A 2xx that is whole, or was cut by us.
    package var isSuccess: Bool { failure == nil && (status.map { (200..<300).contains($0) } ?? false) }

    /// The answer's header fields in their order.
    package var headers: [(name: String, value: String)] {
        headerBytes.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap { line in
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return nil }
            return (Self.trimmed(line[..<colon]), Self.trimmed(line[line.index(after: colon)...]))
        }
    }

    /// The first value of a header field, whatever the case of its name.
    package func header(_ name: String) -> String? {
        var line = headerBytes.startIndex
        while let end = headerBytes[line...].firstIndex(of: UInt8(ascii: "\n")) {
            if let value = Self.value(of: name, in: headerBytes[line..<end]) { return value }
            line = end + 1
        }
        return Self.value(of: name, in: headerBytes[line...])
    }

    private static func value(of name: String, in line: ArraySlice<UInt8>) -> String? {
        var next = line.startIndex
        // No field's name has a letter beyond ASCII.
        for letter in name.utf8 {
            guard next < line.endIndex, lowercased(line[next]) == lowercased(letter) else { return nil }
            next += 1
        }
        guard next < line.endIndex, line[next] == UInt8(ascii: ":") else { return nil }
        return trimmed(line[(next + 1)...])
    }

    private static func lowercased(_ letter: UInt8) -> UInt8 { (65...90).contains(letter) ? letter | 32 : letter }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 }
        guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) })
        else {
            return ""
        }
        return String(decoding: text[first...last], as: UTF8.self)
    }
}
