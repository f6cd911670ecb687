/// How long to wait before each attempt to reconnect: full jitter over a doubling, bounded span.
///
/// All clients of a restarted Redis come back spread over the span instead of in one wave.
struct RedisReconnect: Sendable {
    let baseMilliseconds: Int64
    let maxMilliseconds: Int64
    /// Attempts since the connection was last stable.
    private(set) var attempt = 0

    /// Uniform between zero and min(max, base · 2^attempt), in milliseconds; the next span is longer.
    mutating func nextWait(using random: inout some RandomNumberGenerator) -> Int64 {
        let doublings = min(attempt, 32)
        attempt += 1
        let (span, overflowed) = baseMilliseconds.multipliedReportingOverflow(by: 1 << Int64(doublings))
        return Int64.random(in: 0...(overflowed ? maxMilliseconds : min(maxMilliseconds, span)), using: &random)
    }

    /// A connection that served for at least ``maxMilliseconds`` was stable; one that dies at once was not, and must not
    /// make us knock without pause.
    mutating func ended(afterServing milliseconds: Int64) {
        if milliseconds >= maxMilliseconds { attempt = 0 }
    }
}
