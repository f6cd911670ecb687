/// How a piece of text looks where colours are shown. Elsewhere it is plain: nothing may be said by a style alone.
package enum TextStyle: Sendable {
    case plain, bold, dim, good, bad, notice

    /// The parameters of SGR (ECMA-48).
    var code: String? {
        switch self {
        case .plain: nil
        case .bold: "1"
        case .dim: "2"
        case .good: "32"
        case .bad: "31"
        case .notice: "33"
        }
    }
}

/// A line for people: pieces of text, each in its style.
///
/// What comes from outside (a receiver's answer, a referral code) may hold control characters, with which it could write
/// over the terminal; they are shown as `\u{1b}` and do nothing.
package struct StyledLine: Hashable, Sendable {
    struct Piece: Hashable, Sendable {
        var text: String
        var style: TextStyle
    }

    private(set) var pieces: [Piece] = []

    init() {}

    init(_ text: String, _ style: TextStyle = .plain) { append(text, style) }

    mutating func append(_ text: String, _ style: TextStyle = .plain) {
        guard !text.isEmpty else { return }
        pieces.append(Piece(text: Self.harmless(text), style: style))
    }

    mutating func append(_ line: StyledLine) { pieces += line.pieces }

    static func + (left: Self, right: Self) -> Self {
        var line = left
        line.append(right)
        return line
    }

    /// Without styles.
    package var plain: String { pieces.map(\.text).joined() }

    /// Columns it takes on a terminal.
    var width: Int { pieces.reduce(0) { $0 + $1.text.terminalWidth } }

    var isEmpty: Bool { pieces.isEmpty }

    func rendered(colours: Bool) -> String {
        guard colours else { return plain }
        return pieces.map { piece in piece.style.code.map { "\u{1b}[\($0)m\(piece.text)\u{1b}[0m" } ?? piece.text }
            .joined()
    }

    /// Cut to so many columns, with `…` where something is missing.
    func cut(to columns: Int) -> StyledLine {
        guard width > columns else { return self }
        var line = StyledLine()
        var left = max(0, columns - 1)
        for piece in pieces {
            var text = ""
            for character in piece.text {
                let width = character.terminalWidth
                guard width <= left else {
                    line.append(text, piece.style)
                    line.append("…", piece.style)
                    return line
                }
                text.append(character)
                left -= width
            }
            line.append(text, piece.style)
        }
        return line
    }

    /// Over as many lines as it takes, broken at blanks where there are some; the style is that of its beginning.
    func wrapped(to columns: Int) -> [StyledLine] {
        let style = pieces.first?.style ?? .plain
        var lines: [StyledLine] = []
        var text = ""
        for word in plain.split(separator: " ", omittingEmptySubsequences: false).map(String.init) {
            if !text.isEmpty, text.terminalWidth + 1 + word.terminalWidth > columns {
                lines.append(StyledLine(text, style))
                text = word
            } else {
                text += text.isEmpty ? word : " " + word
            }
        }
        return lines + [StyledLine(text, style)]
    }

    private static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            if isControl(scalar) {
                result += scalar == "\n" || scalar == "\t" ? " " : "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    /// C0, DEL, C1, and what turns the direction of writing.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension StyledLine: ExpressibleByStringInterpolation {
    package struct StringInterpolation: StringInterpolationProtocol {
        var line = StyledLine()

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) { line.append(literal) }

        package mutating func appendInterpolation(
            _ value: some CustomStringConvertible, _ style: TextStyle = .plain
        ) {
            line.append(value.description, style)
        }

        package mutating func appendInterpolation(_ other: StyledLine) { line.append(other) }

        package mutating func appendInterpolation(_ error: any Error) { line.append(String(describing: error)) }
    }

    package init(stringLiteral value: String) { self.init(value) }

    package init(stringInterpolation: StringInterpolation) { self = stringInterpolation.line }
}

extension String {
    /// Columns on a terminal: East Asian wide letters take two.
    var terminalWidth: Int { utf8.allSatisfy { $0 < 0x80 } ? utf8.count : reduce(0) { $0 + $1.terminalWidth } }
}

extension Character {
    /// By its first scalar, after Unicode's East Asian Width (UAX #11): W and F are two columns.
    var terminalWidth: Int {
        guard let scalar = unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
            0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
