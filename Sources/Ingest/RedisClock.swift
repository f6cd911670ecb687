package import Core
package import EventLoop
package import Redis

/// Redis' clock as this process knows it: its last reading, carried forward by the monotonic clock.
///
/// Clicks and acceptances are stamped with it, so that every ingest agrees on the time however its own host's clock stands;
/// the error is at most half of the reading's round trip.
@Loop
package final class RedisClock {
    private struct Reading {
        let time: Int64
        let monotonic: Int64
        let roundTrip: Int64
    }

    private var reading: Reading?

    package nonisolated init() {}

    /// Whether there is a time at all.
    package var isSet: Bool { reading != nil }

    /// Redis' time now, in milliseconds; before the first reading this host's.
    package var now: EpochMilliseconds {
        guard let reading else { return Loop.wallClock }
        return EpochMilliseconds(
            rawValue: (reading.time + Loop.monotonicNanoseconds / 1000 - reading.monotonic) / 1000)
    }

    /// Asks Redis for its time. A slow answer does not replace a good one before that is ten seconds old.
    package func read(_ redis: RedisClient) async throws(RedisError) {
        let begin = Loop.monotonicNanoseconds / 1000
        let answer = try await redis.command(["TIME"])
        let end = Loop.monotonicNanoseconds / 1000
        guard let seconds = answer[0]?.integer, let microseconds = answer[1]?.integer else {
            throw RedisError(.other, "TIME gave no time")
        }
        if let reading, end - begin > 20_000, end - begin > reading.roundTrip, end - reading.monotonic < 10_000_000 {
            return
        }
        reading = Reading(
            time: seconds * 1_000_000 + microseconds, monotonic: begin + (end - begin) / 2, roundTrip: end - begin)
    }
}
