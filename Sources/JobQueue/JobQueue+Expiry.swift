import EventLoop
import Telemetry

extension JobQueue {
    /// Ends jobs whose deadline had passed when they were leased: tells ``onExpired``, then drops them.
    ///
    /// They are under a lease meanwhile, so that a process which ends in between leaves them to the next one.
    func endExpired(_ jobs: [LeasedJob]) {
        Task {
            for job in jobs {
                context.log.warning(
                    "a job is dropped: its deadline has passed",
                    [
                        "job.id": .string(job.id), "job.queue": .string(job.queue.rawValue),
                        "job.kind": .string(job.kind),
                    ])
            }
            var isTold = true
            do {
                try await onExpired?(jobs)
            } catch {
                isTold = false
                context.log.error(
                    "the rows of expired jobs could not be told; the jobs come again",
                    ["job.count": .int(jobs.count), "error": .error(error)])
            }
            do throws(QueueError) {
                // A stale one is another's now, who finds it expired as well.
                _ = try await isTold ? settles.expire(jobs) : settle(jobs.map { ($0, .snooze(Self.expiryPause)) })
            } catch {
                context.log.warning(
                    "expired jobs could not be dropped; they come again", ["error": .error(error)])
            }
        }
    }

    /// How long an expired job waits when its row could not be told.
    private static let expiryPause = Duration.seconds(30)
}
