import JobQueue

/// The settings that say something of single queues: `queue=value`, commas between.
extension SettingReader {
    /// Jobs a queue may have, 1 to 100,000,000.
    mutating func queueLengths() -> [QueueName: Int] {
        perQueue(.queueLengthMax) { Self.integer($0, 1...QueueLimits.lengthMax) }
    }

    /// `webhooks=24h/100000`: how long, 1 s to 366 days, and how many, 1 to 10,000,000.
    mutating func keptCompleted() -> [QueueName: CompletedRetention] {
        perQueue(.keepCompleted) { text in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let age = Self.age(parts[0]), age <= QueueLimits.delayMax,
                let count = Self.integer(parts[1], 1...QueueLimits.keptMax)
            else { return nil }
            return CompletedRetention(age: age, count: count)
        }
    }

    /// `webhooks=50+20/s`: places, a rate or both.
    mutating func queueLimits() -> [QueueName: QueueLimit] { perQueue(.queueLimits) { QueueLimit(text: $0) } }

    /// A queue may stand once: of two values nobody knows which is meant.
    private mutating func perQueue<Value>(
        _ setting: Setting, _ parse: (Substring) -> Value?
    ) -> [QueueName: Value] {
        value(setting) { text in
            var values: [QueueName: Value] = [:]
            for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
                let parts = Self.trimmed(entry).split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, let queue = QueueName(rawValue: String(parts[0])),
                    let value = parse(parts[1]), values.updateValue(value, forKey: queue) == nil
                else { return nil }
            }
            return values
        } ?? [:]
    }

    /// `90s`, `15m`, `24h`, `7d`.
    private static func age(_ text: Substring) -> Duration? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let number = integer(text.dropLast(), 1...100_000_000)
        else { return nil }
        return .seconds(number * unit)
    }
}
