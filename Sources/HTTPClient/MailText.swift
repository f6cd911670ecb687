/// Text in the forms that mail can carry: encoded words in headers (RFC 2047), quoted-printable in bodies (RFC 2045). Pure.
enum MailText {
    /// No control characters, so that nothing in it can end a header line.
    static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }

    /// Printable ASCII that no reader takes for an encoded word, short enough to stand in a line.
    static func isPlain(_ text: String) -> Bool {
        text.utf8.count <= 60 && text.utf8.allSatisfy { (32...126).contains($0) } && !text.contains("=?")
    }

    /// The text for an unstructured header such as `Subject`.
    static func headerText(_ text: String) -> String { isPlain(text) ? text : encodedWords(text) }

    /// Encoded words of at most 75 characters, each of whole characters, a line each.
    static func encodedWords(_ text: String) -> String {
        let payloadMax = 75 - "=?utf-8?q??=".utf8.count
        var words: [String] = []
        var word = ""
        for scalar in text.unicodeScalars {
            let encoded = qEncoded(scalar)
            if word.utf8.count + encoded.utf8.count > payloadMax {
                words.append(word)
                word = ""
            }
            word += encoded
        }
        words.append(word)
        return words.map { "=?utf-8?q?\($0)?=" }.joined(separator: "\r\n ")
    }

    /// Letters and digits stand for themselves, which is safe wherever an encoded word may stand.
    private static func qEncoded(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": String(scalar)
        case " ": "_"
        default: String(scalar).utf8.map(escaped).joined()
        }
    }

    /// Lines of at most 76 characters ending in CRLF, whatever the text's own line ends.
    static func quotedPrintable(_ text: String) -> String {
        var result = ""
        for line in lines(of: text) {
            result += softlyBroken(line)
            result += "\r\n"
        }
        return result
    }

    private static func lines(of text: String) -> [[UInt8]] {
        var lines: [[UInt8]] = [[]]
        var previous: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case 10 where previous == 13: break
            case 10, 13: lines.append([])
            default: lines[lines.count - 1].append(byte)
            }
            previous = byte
        }
        return lines
    }

    private static func softlyBroken(_ line: [UInt8]) -> String {
        let width = 76
        var result = ""
        var column = 0
        for (index, byte) in line.enumerated() {
            let isLast = index == line.count - 1
            let isSpace = byte == 32 || byte == 9
            let encoded =
                (33...126).contains(byte) && byte != UInt8(ascii: "=") || (isSpace && !isLast)
                ? String(Unicode.Scalar(byte)) : escaped(byte)
            // The "=" of a soft break needs a place of its own.
            if column + encoded.utf8.count > width - (isLast ? 0 : 1) {
                result += "=\r\n"
                column = 0
            }
            result += encoded
            column += encoded.utf8.count
        }
        return result
    }

    private static func escaped(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "=0\(digits)" : "=\(digits)"
    }
}
