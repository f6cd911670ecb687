import Core
import Redis

extension JobQueue {
    /// Limits a queue as a whole, over all processes; `nil` lifts its limits.
    ///
    /// Each process learns of it within a third of a lease. Places are given from half a lease after the first limit on, and
    /// what was leased before counts; so from then on there are never more jobs in leases than places, once those that were
    /// are done. A rate holds at once for whoever knows of it. O(processes)
    package func setLimit(_ limit: QueueLimit?, of queue: QueueName) async throws(QueueError) {
        if let problem = limit?.problem { throw .invalid(problem) }
        _ = try await context.run(
            QueueScript.limitSet, keys: context.keys.ofLimits(queue),
            [
                .runID, .integer(context.leaseMilliseconds), RedisArgument(limit?.places ?? 0),
                .integer(limit?.rate?.intervalMicroseconds ?? 0), RedisArgument(limit?.rate?.burst ?? 1),
            ])
        // This process need not wait for its next look.
        shares.noteLook(isLimited: limit != nil, of: queue)
    }

    /// The limits of a queue as a whole, and who has which part; `nil` when it has none. O(processes)
    package func limit(of queue: QueueName) async throws(QueueError) -> QueueLimitUse? {
        let answer = try await context.run(
            QueueScript.limitOf, keys: [context.keys.limits(queue)], [])
        guard let parts = answer.array, parts.count >= 3, parts.count % 5 == 3 else {
            throw .unexpected(QueueScript.limitOf)
        }
        let numbers = parts.prefix(3).compactMap(\.integer)
        guard numbers.count == 3 else { throw .unexpected(QueueScript.limitOf) }
        if numbers[0] == 0, numbers[1] == 0 { return nil }
        var limit = QueueLimit()
        if numbers[0] > 0 { limit.places = Int(numbers[0]) }
        if numbers[1] > 0 {
            limit.rate = KeyLimit.Rate(1, per: .microseconds(numbers[1]), burst: Int(numbers[2]))
        }
        var processes: [QueueLimitUse.Process] = []
        for first in stride(from: 3, to: parts.count, by: 5) {
            guard let name = parts[first].string, let places = parts[first + 1].integer,
                let wanted = parts[first + 2].integer, let weight = parts[first + 3].integer,
                let wait = parts[first + 4].integer
            else { throw .unexpected(QueueScript.limitOf) }
            processes.append(
                QueueLimitUse.Process(
                    name: name, places: Int(places), wanted: Int(wanted), weight: Int(weight),
                    expiresIn: .milliseconds(max(0, wait))))
        }
        return QueueLimitUse(limit: limit, processes: processes.sorted { $0.name < $1.name })
    }
}
