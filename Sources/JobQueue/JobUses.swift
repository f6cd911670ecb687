import Redis

/// What jobs ask for beyond the ordinary: the letters of `meta.uses` (`library/common.lua`).
struct JobUses: OptionSet, Hashable {
    let rawValue: UInt8

    /// Another priority than normal.
    static let bands = JobUses(rawValue: 1 << 0)
    /// A deadline: a look at each record when it is leased.
    static let look = JobUses(rawValue: 1 << 1)

    /// A unique key.
    static let unique = JobUses(rawValue: 1 << 2)

    /// An order key.
    static let order = JobUses(rawValue: 1 << 3)

    /// An order key with a rate.
    static let rate = JobUses(rawValue: 1 << 4)

    /// A batch.
    static let batch = JobUses(rawValue: 1 << 5)

    /// The options of an admission (`library/admit.lua`) into a queue.
    func options(of queue: QueueName) -> RedisArgument {
        if isEmpty { return queue.remembersCompletedJobs ? "1" : "0" }
        let letters =
            (contains(.bands) ? "b" : "") + (contains(.look) ? "f" : "") + (contains(.unique) ? "u" : "")
            + (contains(.order) ? "o" : "") + (contains(.rate) ? "r" : "")
            + (contains(.batch) ? "j" : "")
        return .string((queue.remembersCompletedJobs ? "1" : "0") + letters)
    }
}

extension NewJob {
    var uses: JobUses {
        var uses: JobUses = priority == .normal ? [] : .bands
        guard let options else { return uses }
        uses.formUnion(options.uses)
        return uses
    }
}

extension JobOptions {
    fileprivate var uses: JobUses {
        var uses: JobUses = []
        if lifetime != nil { uses.insert(.look) }
        if unique != nil { uses.insert(.unique) }
        if orderKey != nil || limit != nil { uses.insert(.order) }
        if limit?.rate != nil { uses.insert(.rate) }
        if batch != nil { uses.insert(.batch) }
        return uses
    }
}
