package import Core

/// Jobs of one queue and shard that belong together, and what follows them.
///
/// Open it, enqueue jobs with its name as ``NewJob/batch``, seal it. A job of the batch may add others while it runs. What
/// is still out is a set of names, so nothing that happens twice counts twice.
package struct JobBatch: Sendable {
    /// 1 to 64 of `[A-Za-z0-9._:-]`.
    package var id: String
    package var queue: QueueName
    /// What all its jobs share a shard with.
    package var shardKey: String
    /// Enqueued once, when every job has been completed; a dead one may be redriven and completed first. Never, when one was
    /// cancelled, deleted or expired.
    package var onSuccess: NewJob?
    /// Enqueued once, when the batch is sealed and no job of it is out any more, however they ended.
    package var onCompletion: NewJob?

    package init(
        id: String, queue: QueueName, shardKey: String, onSuccess: NewJob? = nil, onCompletion: NewJob? = nil
    ) {
        self.id = id
        self.queue = queue
        self.shardKey = shardKey
        self.onSuccess = onSuccess
        self.onCompletion = onCompletion
    }

    func problem(_ configuration: JobQueueConfiguration) -> String? {
        if !(1...QueueLimits.idBytesMax).contains(id.utf8.count) || !QueueLimits.isName(id) {
            return "the batch must have 1 to 64 letters, digits, '.', '_', ':' or '-'"
        }
        for follower in [onSuccess, onCompletion].compactMap(\.self) {
            if let problem = follower.problem(payloadBytesMax: configuration.payloadBytesMax) { return problem }
            if follower.queue != queue
                || configuration.shard(of: follower.shardKey) != configuration.shard(of: shardKey)
            {
                return "what follows a batch must be of its queue and shard"
            }
            if !follower.uses.subtracting(.bands).isEmpty || follower.delay != .zero {
                return "what follows a batch may have a priority, and no delay, deadline, key or batch"
            }
        }
        return nil
    }

    /// The followers as `library/batches.lua` reads them.
    var followers: [UInt8] {
        [onSuccess, onCompletion].flatMap { follower -> [UInt8] in
            guard let follower else { return [0] }
            let body = JobRecord.body(of: follower)
            let count = withUnsafeBytes(of: UInt32(body.count).bigEndian) { Array($0) }
            return [UInt8(follower.id.utf8.count)] + Array(follower.id.utf8) + count + body
        }
    }
}

/// How far a batch is.
package struct BatchState: Hashable, Sendable {
    /// Jobs that have not ended.
    package let outstanding: Int
    /// Dead jobs, which may be redriven.
    package let dead: Int
    package let isSealed: Bool
    /// A job was cancelled, deleted or expired: there will be no success.
    package let cannotSucceed: Bool
    /// Redis' time.
    package let openedAt: EpochMilliseconds
}
