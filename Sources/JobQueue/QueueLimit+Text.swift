/// Limits as they stand in a configuration: `50`, `20/s`, `50+600/m*10`.
extension QueueLimit {
    /// Places, a rate or both with `+` between; `nil` for what is neither.
    package init?(text: some StringProtocol) {
        self.init()
        for part in text.split(separator: "+", omittingEmptySubsequences: false) {
            if part.contains("/") {
                guard rate == nil, let rate = KeyLimit.Rate(text: part) else { return nil }
                self.rate = rate
            } else {
                guard places == nil, let places = Self.number(part) else { return nil }
                self.places = places
            }
        }
        if problem != nil { return nil }
    }

    fileprivate static func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
    }
}

extension KeyLimit.Rate {
    /// `20/s`, `600/m` or `1/h`, and behind `*` how many may start at once after a rest.
    package init?(text: some StringProtocol) {
        let parts = text.split(separator: "*", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return nil }
        let words = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        let units: [String: Duration] = ["s": .seconds(1), "m": .seconds(60), "h": .seconds(3600)]
        guard words.count == 2, let starts = QueueLimit.number(words[0]), let per = units[String(words[1])] else {
            return nil
        }
        self.init(starts, per: per)
        if parts.count == 2 {
            guard let burst = QueueLimit.number(parts[1]) else { return nil }
            self.burst = burst
        }
        if problem != nil { return nil }
    }
}
