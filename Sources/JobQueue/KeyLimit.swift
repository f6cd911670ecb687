import Core

/// How many jobs of a key may be out at once, and how often one may start: per tenant, per endpoint, per customer.
///
/// A job that is over the limit is held back, not fetched and put back. So a key with a long backlog takes no more of a
/// shard's ready jobs than its places, and the others are not delayed by it: keys share by their places, which are their
/// weights. A job that waits for its next attempt keeps its place. All jobs of a key should say the same.
package struct KeyLimit: Hashable, Sendable {
    /// 1 to 64 of `[A-Za-z0-9._:-]`; compared within the queue and the shard of the job's key. An ``NewJob/orderKey`` of the
    /// same text is the same key.
    package var key: String
    /// Jobs of the key that are ready, scheduled for a retry or leased at once: 1 to 64.
    package var places: Int
    /// How often a job of the key may start; as often as there are places by default.
    package var rate: Rate?

    /// A generic cell rate (GCRA): no windows, so no burst at their edges. Retries do not count.
    package struct Rate: Hashable, Sendable {
        /// Starts in ``per``: 1 to 1,000,000.
        package var starts: Int
        /// Together from 1 µs to 1 h between two starts.
        package var per: Duration
        /// How many may start at once after a rest: 1 (the default) to 10,000.
        package var burst: Int

        package init(_ starts: Int, per: Duration, burst: Int = 1) {
            self.starts = starts
            self.per = per
            self.burst = burst
        }

        var problem: String? {
            let isSlow = per > .seconds(3600 * 1000) || per <= .zero || !(1...1_000_000).contains(starts)
            if isSlow || !(1...3_600_000_000).contains(intervalMicroseconds) {
                return "a rate must leave 1 µs to 1 h between two starts"
            }
            return (1...10_000).contains(burst) ? nil : "a rate's burst must be from 1 to 10,000"
        }

        /// Between two starts; 0 for what cannot be.
        package var intervalMicroseconds: Int64 {
            starts < 1 ? 0 : per.microseconds / Int64(starts)
        }
    }

    package init(_ key: String, places: Int, rate: Rate? = nil) {
        self.key = key
        self.places = places
        self.rate = rate
    }

    /// The most places a key may have.
    package static let placesMax = 64

    var problem: String? {
        if !(1...Self.placesMax).contains(places) { return "a key must have 1 to \(Self.placesMax) places" }
        return rate?.problem
    }
}
