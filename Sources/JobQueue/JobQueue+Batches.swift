import Core
import Redis

extension JobQueue {
    /// Opens a batch; jobs that name it may be enqueued from now on.
    ///
    /// - Returns: false when one of this name is open already; nothing changed then.
    package func open(_ batch: JobBatch) async throws(QueueError) -> Bool {
        if let problem = batch.problem(configuration) { throw .invalid(problem) }
        return try await run(QueueScript.batchOpen, batch, [.bytes(batch.followers)])
    }

    /// Says that no more jobs join it but those that its own jobs add: once none is out, what follows it is enqueued.
    ///
    /// - Returns: false when it was sealed before, or has ended.
    package func seal(_ batch: JobBatch) async throws(QueueError) -> Bool {
        try await run(QueueScript.batchSeal, batch, [])
    }

    private func run(
        _ script: RedisScript, _ batch: JobBatch, _ more: [RedisArgument]
    ) async throws(QueueError) -> Bool {
        let answer = try await context.run(
            script, batch.queue, shard: configuration.shard(of: batch.shardKey), [.string(batch.id)] + more)
        guard let changed = answer.integer else { throw .unexpected(script) }
        return changed == 1
    }

    /// How far a batch is; `nil` when it has ended, or never was. O(log n)
    package func batch(
        _ id: String, in queue: QueueName, shardKey: String
    ) async throws(QueueError) -> BatchState? {
        try await batch(id, queue, shard: configuration.shard(of: shardKey))
    }

    /// How far the batch of a job is; `nil` when the job has none, or the batch has ended. O(log n)
    package func batch(of job: StoredJob) async throws(QueueError) -> BatchState? {
        guard let id = job.batch else { return nil }
        return try await batch(id, job.queue, shard: job.shard)
    }

    private func batch(_ id: String, _ queue: QueueName, shard: Int) async throws(QueueError) -> BatchState? {
        let answer = try await context.run(QueueScript.batchFind, queue, shard: shard, [.string(id)])
        guard let numbers = answer.array?.compactMap(\.integer) else { throw .unexpected(QueueScript.batchFind) }
        if numbers.isEmpty { return nil }
        guard numbers.count == 4 else { throw .unexpected(QueueScript.batchFind) }
        return BatchState(
            outstanding: Int(numbers[2]), dead: Int(numbers[3]), isSealed: numbers[0] & 1 != 0,
            cannotSucceed: numbers[0] & 2 != 0, openedAt: EpochMilliseconds(rawValue: numbers[1]))
    }
}
