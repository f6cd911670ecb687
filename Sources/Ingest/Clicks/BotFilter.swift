package import HTTPServer

/// Tells requests that no person made: by the words in their User-Agent, an empty one, or the marks of a prefetch.
///
/// All words are looked for in one pass: a table by the first two letters says which of them can begin at a place, so a
/// request costs about as many steps as its User-Agent has bytes.
package enum BotFilter {
    /// Why the request is taken for a bot's; nil for a person's.
    package static func reason(userAgent: String?, headers: HTTPHeaders) -> String? {
        if let name = prefetch(headers) { return "Prefetch detected: \(name)" }
        guard let userAgent, !userAgent.trimmed.isEmpty else { return "Empty user-agent" }
        return token(in: userAgent).map { "Bot user-agent detected: \($0)" }
    }

    /// The header by which a browser says that it only fetches ahead.
    private static func prefetch(_ headers: HTTPHeaders) -> String? {
        for name in ["Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"] {
            guard let value = headers[name]?.lowercased() else { continue }
            if value.contains("prefetch") || value.contains("prerender") || value.contains("preview") { return name }
        }
        return nil
    }

    /// The first token, of several at one place the longest. O(bytes)
    package static func token(in userAgent: String) -> String? {
        var bytes = Array(userAgent.utf8.prefix(userAgentBytesMax))
        for index in bytes.indices where (0x41...0x5A).contains(bytes[index]) { bytes[index] |= 0x20 }
        guard bytes.count >= 2 else { return nil }
        var index = 0
        scan: while index + 1 < bytes.count {
            let candidates = table[place(bytes[index], bytes[index + 1])]
            for candidate in candidates where matches(candidate.bytes, bytes, at: index) {
                if candidate.isHarmless {
                    index += candidate.bytes.count
                    continue scan
                }
                return candidate.text
            }
            index += 1
        }
        return nil
    }

    private static func matches(_ token: [UInt8], _ bytes: [UInt8], at index: Int) -> Bool {
        guard index + token.count <= bytes.count else { return false }
        for offset in 2..<token.count where bytes[index + offset] != token[offset] { return false }
        return bytes[index] == token[0] && bytes[index + 1] == token[1]
    }

    /// Beyond this nobody writes a name.
    private static let userAgentBytesMax = 1024

    private struct Token {
        let text: String
        let bytes: [UInt8]
        let isHarmless: Bool
    }

    /// 12 bits of the first two bytes; longer tokens first.
    private static let table: [[Token]] = {
        var table = [[Token]](repeating: [], count: 4096)
        let tokens =
            BotTokens.all.map { Token(text: $0, bytes: Array($0.utf8), isHarmless: false) }
            + BotTokens.harmless.map { Token(text: $0, bytes: Array($0.utf8), isHarmless: true) }
        for token in tokens.sorted(by: { $0.bytes.count > $1.bytes.count }) {
            precondition(token.bytes.count >= 2, "a token has two letters at least")
            table[place(token.bytes[0], token.bytes[1])].append(token)
        }
        return table
    }()

    private static func place(_ first: UInt8, _ second: UInt8) -> Int { Int(first & 63) << 6 | Int(second & 63) }
}
