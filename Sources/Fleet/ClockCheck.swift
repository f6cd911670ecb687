import Core

/// Clocks of this host, Redis and PostgreSQL, read at nearly the same time, and what is to be said of their differences.
/// Pure.
struct ClockCheck {
    /// A difference from which on it is warned about.
    static let warnFrom = Duration.seconds(2)
    /// A difference from which on the start is refused: due times, holds and signatures would be wrong.
    static let refuseFrom = Duration.seconds(60)

    /// One clock: what it said, and this host's time before and after asking it.
    struct Reading {
        let name: String
        let time: EpochMilliseconds
        let askedAt: EpochMilliseconds
        let answeredAt: EpochMilliseconds

        /// How far it is ahead of the host, at least: what the time of asking could explain is taken off.
        var offset: Int64 {
            let before = time.rawValue - askedAt.rawValue
            let after = time.rawValue - answeredAt.rawValue
            if after > 0 { return after }
            return before < 0 ? before : 0
        }
    }

    let readings: [Reading]

    /// Each pair that is too far apart: `(text, whether to refuse)`.
    func findings() -> [(message: String, isRefusal: Bool)] {
        let clocks = [("this host", Int64(0))] + readings.map { ($0.name, $0.offset) }
        var findings: [(message: String, isRefusal: Bool)] = []
        for (index, left) in clocks.enumerated() {
            for right in clocks[(index + 1)...] {
                let apart = Duration.milliseconds((left.1 - right.1).magnitude)
                guard apart >= Self.warnFrom else { continue }
                let text = "the clocks of \(left.0) and \(right.0) are \(apart.milliseconds) ms apart; synchronise them"
                findings.append((text, apart >= Self.refuseFrom))
            }
        }
        return findings
    }
}
