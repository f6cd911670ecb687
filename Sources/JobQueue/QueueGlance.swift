import Core
import EventLoop
import Redis

/// What a look over all shards of some queues found; it has written nothing.
struct QueueGlance: Equatable {
    enum Shard: Equatable {
        /// Something is due, or leases must be breathed on, or about so many jobs are ready: ``JobQueue/tick(_:shard:)`` does
        /// it, and a lease.
        case needsTick(ready: Int)
        /// Nothing to do before that; `nil` when nothing is scheduled or leased there.
        case rests(nextCheck: Duration?)

        /// From what `operations/glance.lua` answers.
        init(_ number: Int64) {
            self =
                number <= -2
                ? .needsTick(ready: Int(-2 - number)) : .rests(nextCheck: number < 0 ? nil : .milliseconds(number))
        }
    }

    /// In the order of shards.
    var shards: [Shard]
    /// Whether the queue as a whole has a limit, or processes that had a share of one.
    var isLimited = false
}

extension JobQueue {
    /// Looks at all shards of queues by one command; one glance for each queue, in their order.
    ///
    /// Redis Cluster refuses a script of several shards before it starts: from then on each shard gets a command of its own.
    func glance(_ queues: [QueueName]) async throws(QueueError) -> [QueueGlance] {
        let shards = Array(0..<configuration.shardCount)
        if glancesSpanShards {
            do throws(RedisError) {
                return try await glance(queues, shards)
            } catch {
                guard error.kind == .crossSlot, shards.count > 1 else { throw QueueError(error) }
                glancesSpanShards = false
            }
        }
        let looks = shards.map { shard in
            Task { @Loop in
                do throws(RedisError) {
                    return Result<[QueueGlance], RedisError>.success(try await glance(queues, [shard]))
                } catch {
                    return .failure(error)
                }
            }
        }
        var glances = queues.map { _ in QueueGlance(shards: []) }
        var failure: RedisError?
        for look in looks {
            switch await look.value {
            case .failure(let error): failure = error
            case .success(let parts):
                for (index, part) in parts.enumerated() {
                    glances[index].shards += part.shards
                    if part.isLimited { glances[index].isLimited = true }
                }
            }
        }
        if let failure { throw QueueError(failure) }
        return glances
    }

    private func glance(_ queues: [QueueName], _ shards: [Int]) async throws(RedisError) -> [QueueGlance] {
        var keys: [String] = []
        for queue in queues { for shard in shards { keys += context.keys.ofGlance(queue, shard: shard) } }
        let limited = queues.indices.filter { shards.contains(context.keys.home(of: queues[$0])) }
        keys += limited.map { context.keys.limits(queues[$0]) }
        let answer = try await context.connection.evaluate(
            QueueScript.glance, keys: keys,
            arguments: [.integer(context.leaseMilliseconds), RedisArgument(queues.count * shards.count)])
        let numbers = answer.array?.compactMap(\.integer) ?? []
        guard numbers.count == queues.count * shards.count + limited.count else {
            throw RedisError(.other, "an unexpected answer of \(QueueScript.glance.name)")
        }
        var glances = queues.indices.map { index in
            QueueGlance(shards: numbers[index * shards.count..<(index + 1) * shards.count].map { .init($0) })
        }
        for (index, number) in zip(limited, numbers.suffix(limited.count)) { glances[index].isLimited = number == 1 }
        return glances
    }
}
