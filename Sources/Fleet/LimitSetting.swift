import EventLoop
import JobQueue
import Telemetry

/// Sets the limits that a worker's configuration names for its queue, when the worker starts.
///
/// What is in force already is left alone, so that a restart does not hold the others up; otherwise the last word counts, be
/// it that of a worker that starts or of `tributary limits set`.
@Loop
final class LimitSetting: FleetService {
    let name: String
    private let queue: JobQueue
    private let queueName: QueueName
    private let limit: QueueLimit

    init(_ limit: QueueLimit, of queueName: QueueName, in queue: JobQueue) {
        name = "limits.\(queueName.rawValue)"
        self.queue = queue
        self.queueName = queueName
        self.limit = limit
    }

    func start() async throws {
        guard try await queue.limit(of: queueName)?.limit != limit.asKept else { return }
        try await queue.setLimit(limit, of: queueName)
        Log(component: "fleet").info("a queue's limits are set", ["queue.name": .string(queueName.rawValue)])
    }

    func quiet() {}
    func drain() async {}
    func stop() async {}
}
