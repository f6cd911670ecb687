import Core
import Crypto

/// A payload as it can be shown: the queue itself knows only bytes.
enum JobPayload {
    case value(JSON)
    case text(String)
    case bytes([UInt8])

    init(_ bytes: [UInt8]) {
        // What is no JSON is shown as it is.
        if let json = JSON(validating: bytes) {
            self = .value(json)
        } else if let text = String(validating: bytes, as: UTF8.self) {
            self = .text(text)
        } else {
            self = .bytes(bytes)
        }
    }

    var json: JSON {
        switch self {
        case .value(let json): json
        case .text(let text): .string(text)
        case .bytes(let bytes): .string(Base64.encode(bytes))
        }
    }

    /// Lines for people, at most so many; JSON a member a line.
    func lines(max: Int) -> [String] {
        let lines: [String] =
            switch self {
            case .value(let json): json.indented
            case .text(let text): text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            case .bytes(let bytes): ["\(bytes.count.counted("byte")) that are no text"]
            }
        guard lines.count > max else { return lines }
        return lines.prefix(max) + ["… \((lines.count - max).counted("more line")); --json shows them"]
    }
}

extension JSON {
    /// This value over several lines, two blanks a level; what is short stays on one line.
    var indented: [String] {
        let short = text
        if short.count <= 60 { return [spaced] }
        switch self {
        case .array(let elements):
            return ["["] + joined(elements.map(\.indented)) + ["]"]
        case .object(let object):
            let members = object.members.map { member -> [String] in
                var lines = member.value.indented
                lines[0] = JSON.string(member.key).text + ": " + lines[0]
                return lines
            }
            return ["{"] + joined(members) + ["}"]
        default: return [short]
        }
    }

    private func joined(_ parts: [[String]]) -> [String] {
        parts.enumerated().flatMap { index, lines in
            lines.enumerated().map { number, line in
                "  " + line + (number == lines.count - 1 && index < parts.count - 1 ? "," : "")
            }
        }
    }

    /// On one line, with a blank after each comma and colon.
    private var spaced: String {
        switch self {
        case .array(let elements): "[\(elements.map(\.spaced).joined(separator: ", "))]"
        case .object(let object):
            "{\(object.members.map { JSON.string($0.key).text + ": " + $0.value.spaced }.joined(separator: ", "))}"
        default: text
        }
    }
}
