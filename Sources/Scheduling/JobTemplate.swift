package import Core
package import JobQueue

/// The job that a schedule enqueues for each of its slots.
package struct JobTemplate: Hashable, Sendable {
    /// Members that a slot's job adds to ``payload``.
    static let added = ["schedule", "slot", "date"]

    package let queue: QueueName
    package let kind: String
    /// An object without the members that each job adds: `schedule` (its name), `slot` (the instant) and `date` (the day that it
    /// is for, in the schedule's zone).
    package let payload: JSONObject
    /// What its jobs share a shard with; the schedule's name by default.
    package let shardKey: String
    /// Makes its jobs, and others of the key, run one after the other; none by default.
    package let orderKey: String?
    package let priority: PriorityBand
    package let maxAttempts: Int

    package init(
        queue: QueueName, kind: String, payload: JSONObject = JSONObject(), shardKey: String, orderKey: String? = nil,
        priority: PriorityBand = .normal, maxAttempts: Int = 10
    ) {
        self.queue = queue
        self.kind = kind
        self.payload = payload
        self.shardKey = shardKey
        self.orderKey = orderKey
        self.priority = priority
        self.maxAttempts = maxAttempts
    }

    /// The id of a slot's job, derived from nothing else: `report.2026-11-21T02:00:00Z`.
    static func id(of slot: Slot, schedule name: String) -> String { "\(name).\(slot.instant.rfc3339Seconds)" }

    /// - Parameter id: the slot's by default.
    package func job(for slot: Slot, of name: String, id: String? = nil) -> NewJob {
        var payload = payload
        payload["schedule"] = .string(name)
        payload["slot"] = .string(slot.instant.rfc3339Seconds)
        payload["date"] = .string(slot.date.description)
        return NewJob(
            id: id ?? Self.id(of: slot, schedule: name), queue: queue, kind: kind,
            payload: JSON.object(payload).serialized(), shardKey: shardKey, maxAttempts: maxAttempts,
            priority: priority, orderKey: orderKey)
    }
}

extension EpochMilliseconds {
    /// `2026-11-21T02:00:00Z`: slots are whole seconds.
    package var rfc3339Seconds: String { rfc3339.prefix(19) + "Z" }
}
