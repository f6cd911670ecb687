import Redis

extension JobQueue {
    /// Says how far a leased job is, or a line of its log, for operators to see. It goes with the job.
    ///
    /// - Parameters:
    ///   - progress: from 0 to 1, kept to a thousandth.
    ///   - line: cut to 500 bytes; line breaks become spaces. Must hold no secret.
    /// - Returns: false when the lease is lost.
    /// - Throws: ``QueueError/outOfMemory`` when Redis is full: go on without it.
    package func note(
        _ job: LeasedJob, progress: Double? = nil, line: String? = nil
    ) async throws(QueueError) -> Bool {
        if let progress, !(0...1).contains(progress) { throw .invalid("the progress must be from 0 to 1") }
        let parts = progress.map { RedisArgument(Int(($0 * 1000).rounded())) }
        let text = line.map { $0.utf8Prefix(QueueLimits.logLineBytesMax).map { $0 < 32 ? 32 : $0 } }
        let answer = try await context.run(
            QueueScript.note, job.queue, shard: job.shard,
            [
                .integer(job.fence), .string(Lease.text(ofToken: job.lease.token)), .string(job.id), parts ?? "",
                text.map { .bytes($0) } ?? "",
            ])
        guard let noted = answer.integer else { throw .unexpected(QueueScript.note) }
        return noted == 1
    }

    /// What a job has said of itself: one that runs, waits for its next attempt, is dead or kept; `nil` for nothing.
    ///
    /// - Parameter shardKey: without it all shards are asked.
    package func notes(
        of id: String, in queue: QueueName, shardKey: String? = nil
    ) async throws(QueueError) -> JobNotes? {
        let shards = shardKey.map { [configuration.shard(of: $0)] } ?? Array(0..<configuration.shardCount)
        for shard in shards {
            let answer = try await context.run(QueueScript.notesOf, queue, shard: shard, [.string(id)])
            if let bytes = answer.bytes { return JobNotes(bytes) }
        }
        return nil
    }
}
