import Core
import Redis

extension JobQueue {
    /// Lets workers lease nothing more of a queue, in all shards. Producers are taken, running leases go on.
    package func pause(_ queue: QueueName) async throws(QueueError) { try await setPaused(queue, "1") }

    /// Undoes ``pause(_:)`` and wakes workers.
    package func resume(_ queue: QueueName) async throws(QueueError) { try await setPaused(queue, "0") }

    private func setPaused(_ queue: QueueName, _ paused: RedisArgument) async throws(QueueError) {
        for shard in 0..<configuration.shardCount {
            _ = try await context.run(QueueScript.pause, queue, shard: shard, [paused])
        }
    }

    /// Counts a queue, all shards at once. O(number of shards)
    package func stats(_ queue: QueueName) async throws(QueueError) -> QueueStats {
        var shards: [QueueStats.Counts] = []
        var isPaused = false
        let looks = (0..<configuration.shardCount).map { shard in
            Task { () async -> Result<RedisValue, QueueError> in
                do throws(QueueError) {
                    return .success(try await context.run(QueueScript.stats, queue, shard: shard, []))
                } catch {
                    return .failure(error)
                }
            }
        }
        for look in looks {
            let answer = try await look.value.get()
            guard let numbers = answer.array?.compactMap(\.integer), numbers.count == 22 else {
                throw .unexpected(QueueScript.stats)
            }
            var counts = QueueStats.Counts()
            (counts.readyUrgent, counts.readyHigh, counts.readyLow) = (
                Int(numbers[14]), Int(numbers[15]), Int(numbers[16])
            )
            counts.ready = Int(numbers[2]) + counts.readyUrgent + counts.readyHigh + counts.readyLow
            counts.suspects = Int(numbers[3])
            counts.scheduled = Int(numbers[4])
            counts.leases = Int(numbers[5])
            counts.dead = Int(numbers[6])
            counts.leased = Int(numbers[1] - numbers[3] - numbers[4] - numbers[6]) - counts.ready
            counts.remembered = Int(numbers[7])
            counts.completedTotal = Int(numbers[9])
            counts.failedTotal = Int(numbers[10])
            counts.diedTotal = Int(numbers[11])
            counts.expiredTotal = Int(numbers[13])
            counts.cancelledTotal = Int(numbers[17])
            counts.uniqueKeys = Int(numbers[18])
            counts.heldBack = Int(numbers[19])
            counts.kept = Int(numbers[20])
            counts.batches = Int(numbers[21])
            counts.leased -= counts.heldBack + counts.kept
            if numbers[12] > 0 { counts.oldestReadyAge = .milliseconds(max(0, numbers[0] - numbers[12])) }
            shards.append(counts)
            if numbers[8] == 1 { isPaused = true }
        }
        return QueueStats(shards: shards, isPaused: isPaused)
    }

    /// Finds a job of a queue by its id; `nil` when nothing is known of it.
    ///
    /// Without the shard key all shards are asked. Telling ready from leased costs as much as there are leased jobs.
    package func find(
        _ id: String, in queue: QueueName, shardKey: String? = nil
    ) async throws(QueueError) -> StoredJob? {
        let shards = shardKey.map { key in configuration.shard(of: key)..<configuration.shard(of: key) + 1 }
        for shard in shards ?? 0..<configuration.shardCount {
            let answer = try await context.run(QueueScript.find, queue, shard: shard, [.string(id)])
            guard let parts = answer.array else { throw .unexpected(QueueScript.find) }
            if parts.isEmpty { continue }
            guard parts.count == 5, let letter = parts[0].bytes?.first, let state = JobState(letter: letter),
                let bytes = parts[1].bytes, let time = parts[2].integer, let worker = parts[4].string
            else { throw .unexpected(QueueScript.find) }
            let record = JobRecord(bytes)
            if record == nil, !bytes.isEmpty { context.reportUnreadable(id, queue) }
            return StoredJob(
                id: id, queue: queue, shard: shard, state: state, record: record,
                time: EpochMilliseconds(rawValue: time), fence: parts[3].integer,
                worker: worker.isEmpty ? nil : worker)
        }
        return nil
    }
}
