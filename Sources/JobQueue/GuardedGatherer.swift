import Core
import EventLoop
import Redis
import Telemetry

/// Gathers the guarded enqueue calls of one turn into one script call for each queue and shard.
@Loop
final class GuardedGatherer {
    private struct Place: Hashable {
        let queue: QueueName
        let shard: Int
        let windowMilliseconds: Int64
    }

    private struct Entry {
        let id: String
        let delayMilliseconds: Int64
        let uses: JobUses
        let body: [UInt8]
        let guardKey: [UInt8]
        let continuation: CheckedContinuation<Result<FirstOutcome, QueueError>, Never>
    }

    private let context: QueueContext
    private var pending: [Place: [Entry]] = [:]

    init(context: QueueContext) { self.context = context }

    func enqueue(
        _ job: NewJob, guardedBy guardKey: [UInt8], window: Duration
    ) async throws(QueueError) -> FirstOutcome {
        if let problem = job.problem(payloadBytesMax: context.configuration.payloadBytesMax) { throw .invalid(problem) }
        if job.unique != nil || job.batch != nil { throw .invalid("a guarded job can have no unique key and no batch") }
        guard (1...QueueLimits.guardBytesMax).contains(guardKey.count) else {
            throw .invalid("the guard must have 1 to \(QueueLimits.guardBytesMax) bytes")
        }
        let place = Place(
            queue: job.queue, shard: context.configuration.shard(of: job.shardKey),
            windowMilliseconds: window.milliseconds)
        let result = await withCheckedContinuation { continuation in
            if pending.isEmpty { Loop.atTurnEnd { [self] in flush() } }
            pending[place, default: []].append(
                Entry(
                    id: job.id, delayMilliseconds: job.delay.milliseconds, uses: job.uses,
                    body: JobRecord.body(of: job),
                    guardKey: guardKey, continuation: continuation))
        }
        return try result.get()
    }

    private func flush() {
        let calls = pending
        pending = [:]
        let way = context.way(isAcknowledged: true)
        for (place, entries) in calls {
            for start in stride(from: 0, to: entries.count, by: QueueLimits.scriptJobsMax) {
                send(entries[start..<min(start + QueueLimits.scriptJobsMax, entries.count)], to: place, by: way)
            }
        }
    }

    private func send(_ entries: ArraySlice<Entry>, to place: Place, by way: EnqueueWay) {
        var arguments: [RedisArgument] = [
            .integer(place.windowMilliseconds), RedisArgument(QueueLimits.guardsMax),
            entries.reduce(into: JobUses()) { $0.formUnion($1.uses) }.options(of: place.queue),
            RedisArgument(entries.count), RedisArgument(context.configuration.lengthMaxOfShard(place.queue)),
        ]
        arguments.reserveCapacity(arguments.count + entries.count * 5)
        for (number, entry) in entries.enumerated() {
            arguments.append(.string(entry.id))
            arguments.append(.integer(entry.delayMilliseconds))
            arguments.append(.bytes(entry.body))
            arguments.append(RedisArgument(number + 1))
            arguments.append(.bytes(entry.guardKey))
        }
        way.send(
            QueueScript.enqueueFirst, keys: context.keys.withGuards(of: place.queue, shard: place.shard),
            arguments: arguments
        ) { [context] result in
            let outcomes = Self.outcomes(result, entries, place.queue, context.metrics)
            for (index, entry) in entries.enumerated() {
                entry.continuation.resume(returning: outcomes.map { $0[index] })
            }
        }
    }

    private static func outcomes(
        _ result: Result<RedisValue, RedisError>, _ entries: ArraySlice<Entry>, _ queue: QueueName,
        _ metrics: QueueMetrics
    ) -> Result<[FirstOutcome], QueueError> {
        let answer: RedisValue
        switch result {
        case .failure(let error): return .failure(QueueError(error))
        case .success(let value): answer = value
        }
        guard let codes = answer[0]?.bytes, codes.count == entries.count else {
            return .failure(.unexpected(QueueScript.enqueueFirst))
        }
        var outcomes: [FirstOutcome] = []
        outcomes.reserveCapacity(codes.count)
        for (index, entry) in entries.enumerated() {
            guard let owner = answer[index + 1]?.string else { return .failure(.unexpected(QueueScript.enqueueFirst)) }
            outcomes.append(owner == entry.id ? .enqueued : owner.isEmpty ? .full : .seen(first: owner))
        }
        let added = codes.count { $0 == UInt8(ascii: "a") }
        metrics.added[queue.ordinal].add(added)
        let refused = outcomes.count { $0 == .full }
        metrics.refused[queue.ordinal].add(refused)
        metrics.repeated[queue.ordinal].add(codes.count - added - refused)
        return .success(outcomes)
    }
}
