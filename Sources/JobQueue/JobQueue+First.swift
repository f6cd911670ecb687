extension JobQueue {
    /// Enqueues a job unless another one took the same guard within the window: the note of the guard and the job are one
    /// script, so a crash cannot leave a guard of a job that does not exist.
    ///
    /// Calls of one turn go to Redis as one script call for each shard. May be repeated with the same id after every
    /// error. A shard remembers at most ``QueueLimits/guardsMax`` to twice as many guards, the newest ones; beyond that a
    /// job may be enqueued whose guard was seen.
    /// - Parameters:
    ///   - guardKey: 1 to 64 bytes, such as a digest; compared within the shard of the job's key.
    ///   - window: how long a guard counts, from its first job on; one value for each queue.
    package func enqueue(
        _ job: NewJob, ifFirstOf guardKey: [UInt8], within window: Duration
    ) async throws(QueueError) -> FirstOutcome {
        try await guarded.enqueue(job, guardedBy: guardKey, window: window)
    }
}
