import Core

/// The `Retry-After` header field (RFC 9110, 10.2.3). Pure.
enum RetryAfter {
    /// Seconds, or the time until a date in the preferred form (`Sun, 06 Nov 1994 08:49:37 GMT`); `nil` for anything else.
    /// A date that has passed is zero.
    static func parse(_ text: String, now: EpochMilliseconds) -> Duration? {
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            // More digits than fit are as good as for ever.
            return .seconds(text.utf8.count > 9 ? 1_000_000_000 : Int64(text) ?? 0)
        }
        guard let date = date(text) else { return nil }
        return max(date.since(now), .zero)
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func date(_ text: String) -> EpochMilliseconds? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].utf8.count == 4, words[0].hasSuffix(","), words[5] == "GMT",
            let month = months.firstIndex(where: { $0 == words[2] })
        else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return EpochMilliseconds(rfc3339: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
