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

    /// Takes over what a look at some of the shards found.
    mutating func take(_ part: QueueGlance, of own: [Int]) {
        for (place, shard) in own.enumerated() { shards[shard] = part.shards[place] }
        if part.isLimited { isLimited = true }
    }
}

extension JobQueue {
    private typealias Parts = (shards: [Int], glances: [QueueGlance])

    /// Looks at all shards of queues by one command, on a Redis Cluster one for each node; one glance for each queue, in
    /// their order.
    func glance(_ queues: [QueueName]) async throws(QueueError) -> [QueueGlance] {
        let shards = Array(0..<configuration.shardCount)
        if glancesSpanShards {
            do throws(RedisError) {
                return try await glance(queues, shards, namesKeys: true)
            } catch {
                guard error.kind == .crossSlot, shards.count > 1 else { throw QueueError(error) }
                glancesSpanShards = false
            }
        }
        let looks = context.connection.groupedByNode(shards.map { context.keys.any(ofShard: $0) }).map { group in
            Task { @Loop in
                do throws(RedisError) {
                    return Result<Parts, RedisError>.success((group, try await glanceOfNode(queues, group)))
                } catch {
                    return .failure(error)
                }
            }
        }
        var glances = queues.map { _ in
            QueueGlance(shards: Array(repeating: .rests(nextCheck: nil), count: shards.count))
        }
        var failure: RedisError?
        for look in looks {
            switch await look.value {
            case .failure(let error): failure = error
            case .success(let parts):
                for index in queues.indices { glances[index].take(parts.glances[index], of: parts.shards) }
            }
        }
        if let failure { throw QueueError(failure) }
        return glances
    }

    /// While a slot is on its way, and where a Redis allows no script that reads several of them, one shard after the other.
    private func glanceOfNode(_ queues: [QueueName], _ shards: [Int]) async throws(RedisError) -> [QueueGlance] {
        if shards.count > 1 {
            do throws(RedisError) {
                return try await glance(queues, shards, namesKeys: false)
            } catch {
                if error.isUnreachableStore { throw error }
            }
        }
        var glances = queues.map { _ in
            QueueGlance(shards: Array(repeating: .rests(nextCheck: nil), count: shards.count))
        }
        for (place, shard) in shards.enumerated() {
            let own = try await glance(queues, [shard], namesKeys: true)
            for index in queues.indices { glances[index].take(own[index], of: [place]) }
        }
        return glances
    }

    /// - Parameter namesKeys: whether the command names all keys; else they are arguments, of shards that one node of a
    ///   Redis Cluster serves.
    private func glance(
        _ queues: [QueueName], _ shards: [Int], namesKeys: Bool
    ) async throws(RedisError) -> [QueueGlance] {
        var keys: [String] = []
        for queue in queues { for shard in shards { keys += context.keys.ofGlance(queue, shard: shard) } }
        let limited = queues.indices.filter { shards.contains(context.keys.home(of: queues[$0])) }
        keys += limited.map { context.keys.limits(queues[$0]) }
        let answer = try await context.connection.evaluate(
            QueueScript.glance, keys: namesKeys ? keys : Array(keys.prefix(1)),
            arguments: [.integer(context.leaseMilliseconds), RedisArgument(queues.count * shards.count)]
                + (namesKeys ? [] : keys.map { .string($0) }))
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
