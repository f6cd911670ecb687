package import Core

/// One log line: a JSON object of at most ``bytesMax`` bytes, line feed included.
///
/// A line is never longer than a pipe writes in one piece (PIPE_BUF), so that the lines of several processes that share a
/// pipe never mix, and a write either happens whole or not at all.
package enum LogLine {
    /// Bytes of a whole line.
    package static let bytesMax = 4096
    /// Bytes of one string value before escaping.
    package static let valueBytesMax = 1024
    /// Values of one list; the rest is cut.
    package static let listCountMax = 50

    private static let closing: StaticString = ",\"truncated\":true}\n"

    /// The line's bytes. A field for which there is no room is left out and `"truncated":true` ends the line.
    package static func render(
        time: EpochMilliseconds, level: LogLevel, component: String, message: StaticString, context: [UInt8] = [],
        fields: KeyValuePairs<String, LogValue>
    ) -> [UInt8] {
        var line = JSONText()
        line.reserve(256)
        line.raw("{\"time\":")
        line.string(time.rfc3339)
        line.raw(",\"level\":\"")
        line.raw(Array(level.rawValue.utf8))
        line.raw("\",\"component\":")
        line.string(component, bytesMax: 64)
        line.raw(",\"message\":")
        line.string(message.description, bytesMax: 200)
        var truncated = false
        append(context, to: &line, &truncated)
        for (key, value) in fields { append(field(key, value), to: &line, &truncated) }
        if truncated { line.raw(closing) } else { line.raw("}\n") }
        return line.bytes
    }

    /// The bytes `,"key":value` of one field.
    static func field(_ key: String, _ value: LogValue) -> [UInt8] {
        var text = JSONText()
        text.raw(",")
        text.string(key, bytesMax: 100)
        text.raw(":")
        switch value {
        case .string(let string): text.string(string, bytesMax: valueBytesMax)
        case .integer(let integer): text.integer(integer)
        case .double(let double): text.double(double)
        case .bool(let bool): text.raw(bool ? "true" : "false")
        case .strings(let strings):
            text.raw("[")
            for (index, string) in strings.prefix(listCountMax).enumerated() {
                if index > 0 { text.raw(",") }
                text.string(string, bytesMax: valueBytesMax)
            }
            text.raw("]")
        }
        return text.bytes
    }

    private static func append(_ field: [UInt8], to line: inout JSONText, _ truncated: inout Bool) {
        guard !field.isEmpty else { return }
        if line.bytes.count + field.count + closing.utf8CodeUnitCount <= bytesMax {
            line.raw(field)
        } else {
            truncated = true
        }
    }
}
