package import Core

/// What a job has said of itself while it ran.
package struct JobNotes: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        /// Redis' time.
        package let at: EpochMilliseconds
        package let text: String
    }

    /// From 0 to 1; `nil` when it never said.
    package let progress: Double?
    /// When it last said anything, in Redis' time.
    package let at: EpochMilliseconds
    /// The newest last; some 4 KiB of the newest are kept.
    package let log: [Line]

    /// `nil` for bytes that are no notes (`library/notes.lua`).
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 10 else { return nil }
        let parts = Int(bytes[0]) << 8 | Int(bytes[1])
        progress = parts > 1000 ? nil : Double(parts) / 1000
        at = EpochMilliseconds(rawValue: bytes[2..<10].reduce(0) { $0 << 8 | Int64($1) })
        var lines: [Line] = []
        for line in bytes[10...].split(separator: UInt8(ascii: "\n")) {
            guard let space = line.firstIndex(of: UInt8(ascii: " ")),
                let time = Int64(String(decoding: line[..<space], as: UTF8.self))
            else { return nil }
            lines.append(
                Line(
                    at: EpochMilliseconds(rawValue: time),
                    text: String(decoding: line[(space + 1)...], as: UTF8.self)))
        }
        log = lines
    }
}
