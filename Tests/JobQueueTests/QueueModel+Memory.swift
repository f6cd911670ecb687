extension QueueModel {
    /// Which ids have ended, and how: two generations, of which the older one goes when the newer one is full or old.
    struct Memory: Equatable {
        struct End: Equatable {
            var id: String
            var text: String
            var time: Int64
        }

        /// How long an id is remembered at least, unless so many others have ended since.
        var milliseconds: Int64 = 0
        var count = 0
        /// Payload and state of ids, by generation.
        var generations: [[String: String]] = [[:], [:]]
        var current = 0
        /// When the current generation began.
        var since: Int64?
        /// All ends, the last one last; for what must be remembered whatever the generations are.
        var ends: [End] = []

        /// The last end of a job that is remembered.
        func entry(of id: String) -> String? { generations[current][id] ?? generations[1 - current][id] }

        /// Ends of one moment, by an acknowledgement.
        mutating func note(_ entries: [(id: String, text: String)], now: Int64) {
            if entries.isEmpty { return }
            if now - (since ?? now) > milliseconds || generations[current].count + entries.count > count {
                current = 1 - current
                since = now
                generations[current] = [:]
            }
            for (id, text) in entries { note(id, text, now: now) }
        }

        /// One that an operator or another job brought about; no generation ends by it.
        mutating func note(_ id: String, _ text: String, now: Int64) {
            generations[current][id] = text
            ends.append(End(id: id, text: text, time: now))
        }

        /// What was promised of the last ends is kept, whatever a generation is: each is known, and by its last end, for the
        /// time or for the count, less the jobs that one acknowledgement may have.
        /// Those that need not be known any more are dropped.
        mutating func broken(now: Int64, settledMax: Int) -> String? {
            var newer: Set<String> = []
            for (index, end) in ends.enumerated().reversed() where newer.insert(end.id).inserted {
                guard now - end.time <= milliseconds, newer.count <= count - settledMax else {
                    ends.removeFirst(index + 1)
                    return nil
                }
                if entry(of: end.id) != end.text { return "\(end.id) is forgotten, or remembered otherwise" }
            }
            return nil
        }
    }
}
