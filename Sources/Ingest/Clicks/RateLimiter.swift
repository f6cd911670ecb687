import Core
package import EventLoop
package import Redis

/// Counts requests in windows in Redis, so that all ingests count together.
///
/// A window begins with somebody's first request: of a limit of 100 exactly the requests 1 to 100 pass until it ends. (A
/// leaky bucket would let a slow 101st request through, which the specification's own test forbids.)
@Loop
package final class RateLimiter {
    package struct Answer: Sendable {
        package let isAllowed: Bool
        package let limit: Int
        package let remaining: Int
        package let resetAfter: Duration

        /// Whole seconds until the window ends, at least 1.
        package var resetSeconds: Int { max(1, Int((resetAfter.milliseconds + 999) / 1000)) }
    }

    private let connection: RedisClient
    private let prefix: String

    package init(connection: RedisClient, prefix: String) {
        self.connection = connection
        self.prefix = prefix
    }

    /// Counts one request.
    ///
    /// - Parameter key: who, without anything that could name a person.
    package func take(_ key: String, limit: Int, window: Duration) async throws(RedisError) -> Answer {
        let answer = try await connection.evaluate(
            IngestScript.limit, keys: ["\(prefix):limit:\(key)"],
            arguments: [RedisArgument(limit), .integer(window.milliseconds)])
        guard let number = answer[0]?.integer, let left = answer[1]?.integer else {
            throw RedisError(.other, "an unexpected answer of \(IngestScript.limit.name)")
        }
        return Answer(
            isAllowed: number <= limit, limit: limit, remaining: max(0, limit - Int(number)),
            resetAfter: .milliseconds(left))
    }
}
