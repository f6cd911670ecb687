import Core
package import EventLoop
package import JobQueue
import Telemetry

/// Says when a queue is too long to take more: whoever enqueues faster than the fleet works is told to wait before Redis is
/// full.
@Loop
package final class QueueGate {
    private let queue: JobQueue
    private let waitingJobsMax: Int
    private var waiting: [QueueName: Int] = [:]
    private var timer: LoopTimer?
    private var isReading = false
    private let log = Log(component: "ingest")

    private static let interval = Duration.seconds(2)
    private static let watched: [QueueName] = [.conversions, .clicks]

    package init(queue: JobQueue, waitingJobsMax: Int) {
        self.queue = queue
        self.waitingJobsMax = waitingJobsMax
    }

    package func start() {
        timer = LoopTimer(after: Self.interval, repeating: true) { [weak self] in
            Task { @Loop in await self?.read() }
        }
    }

    package func stop() { timer?.cancel() }

    func check(_ name: QueueName) throws(IngestRefusal) {
        if waiting[name, default: 0] > waitingJobsMax { throw .queueTooLong }
    }

    /// Reads the lengths anew. Tests call it instead of waiting for the timer.
    package func read() async {
        guard !isReading else { return }
        isReading = true
        defer { isReading = false }
        for name in Self.watched {
            do {
                let sum = try await queue.stats(name).sum
                waiting[name] = sum.ready + sum.suspects + sum.scheduled + sum.leased
            } catch {
                // An unreachable Redis refuses the enqueue by itself, with its own reason.
                log.debug("the queue's length cannot be read", ["error": .error(error)])
            }
        }
    }
}
