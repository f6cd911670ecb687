/// What a queue as a whole may do, over all processes and shards. Set and lifted while it works (``JobQueue/setLimit(_:of:)``).
///
/// A job that is over the limit stays where it waits; nobody fetches it in vain.
package struct QueueLimit: Hashable, Sendable {
    /// Jobs in leases at once: 1 to 1,000,000; any number by default. Processes share them by their weight
    /// (``JobQueueConfiguration/weight``) as far as they want some.
    package var places: Int?
    /// How often a job may be leased, repeats after failures included; as often as there are workers by default.
    package var rate: KeyLimit.Rate?

    package init(places: Int? = nil, rate: KeyLimit.Rate? = nil) {
        self.places = places
        self.rate = rate
    }

    /// As it is read back: the rate as the time between two starts.
    package var asKept: QueueLimit {
        guard let rate else { return self }
        return QueueLimit(
            places: places, rate: KeyLimit.Rate(1, per: .microseconds(rate.intervalMicroseconds), burst: rate.burst))
    }

    /// What is wrong with it, in a sentence for the operator; `nil` when it can be used.
    package var problem: String? {
        if places == nil, rate == nil { return "a limit says places, a rate or both" }
        if let places, !(1...QueueLimits.placesMax).contains(places) {
            return "a queue must be limited to 1 to \(QueueLimits.placesMax) places"
        }
        return rate?.problem
    }
}

/// A queue's limits as they are in force, and which process has which part of them.
package struct QueueLimitUse: Hashable, Sendable {
    package struct Process: Hashable, Sendable {
        /// The worker's name and, behind `#`, letters by chance for each of its queues' instances.
        package let name: String
        /// Places that are its own.
        package let places: Int
        /// Places it would like to have.
        package let wanted: Int
        package let weight: Int
        /// Without another word from it, its places are free after that.
        package let expiresIn: Duration
    }

    package let limit: QueueLimit
    /// Those that have or want places, by name.
    package let processes: [Process]
}
