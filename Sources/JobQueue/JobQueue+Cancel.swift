import Core
import EventLoop
import Redis
import Telemetry

// Whoever owes a job a row in PostgreSQL writes the row's end first.
extension JobQueue {
    /// Cancels a job that waits or runs, from any process.
    ///
    /// A waiting one is gone; its unique key is free at once. Of a running one the worker learns by its heartbeat, a third of
    /// a lease later at most: ``onCancelRequested`` is for the task that runs it. Costs O(log n) for one that is scheduled,
    /// and else a look through the leases, 10 in a call.
    /// - Parameter shardKey: without it all shards are asked.
    package func cancel(
        _ id: String, in queue: QueueName, shardKey: String? = nil
    ) async throws(QueueError) -> CancelOutcome {
        let shards = shardKey.map { [configuration.shard(of: $0)] } ?? Array(0..<configuration.shardCount)
        for shard in shards {
            let answer = try await context.run(
                QueueScript.cancel, queue, shard: shard,
                [.string(id), queue.remembersCompletedJobs ? "1" : "0"])
            guard let text = answer.bytes else { throw .unexpected(QueueScript.cancel) }
            guard let letter = text.first else { continue }
            guard let state = JobState(letter: letter) else { throw .unexpected(QueueScript.cancel) }
            switch state {
            case .live where try await markLease(of: id, queue, shard: shard): return .requested
            case .scheduled, .live:
                await tell(.cancelled, id, queue, shard: shard)
                return .cancelled
            case .ready, .leased, .completed, .dead, .quarantined, .cancelled, .expired: return .ended(state)
            }
        }
        return .unknown
    }

    /// Whether a lease has the job. None can begin to, since the job is flagged by now.
    private func markLease(of id: String, _ queue: QueueName, shard: Int) async throws(QueueError) -> Bool {
        var cursor = "0"
        repeat {
            let answer = try await context.run(
                QueueScript.cancelLeased, queue, shard: shard, [.string(id), .string(cursor), 10])
            guard let next = answer[0]?.string, let fence = answer[1]?.string else {
                throw .unexpected(QueueScript.cancelLeased)
            }
            if !fence.isEmpty { return true }
            cursor = next
        } while cursor != "0"
        return false
    }

    /// A heartbeat brought these: tells the worker, and ends them when it has not done so in time.
    func cancelRequested(_ lease: Lease, _ ids: [String]) {
        onCancelRequested?(lease, ids)
        Task {
            do {
                try await Loop.sleep(for: configuration.cancelGrace)  // the time a run has to heed it
            } catch {
                return
            }
            let late = held.endCancelled(lease, ids)
            guard !late.isEmpty else { return }
            context.log.warning(
                "cancelled jobs did not end in time; their lease is taken away",
                ["queue.name": .string(lease.queue.rawValue), "jobs": .strings(late)])
            do throws(QueueError) {
                _ = try await settles.cancel(late, lease)
            } catch {
                context.log.warning("cancelled jobs could not be ended", ["error": .error(error)])
            }
        }
    }
}
