import Core
import EventLoop
import Redis
import Telemetry

/// Gathers the enqueue calls of one turn into one script call for each shard.
@Loop
final class EnqueueGatherer {
    /// One call of `enqueue`, resumed when all of its jobs have an outcome.
    private final class Call {
        var outcomes: [EnqueueOutcome]
        var missing: Int
        var error: QueueError?
        var continuation: CheckedContinuation<Void, Never>?

        init(count: Int) {
            outcomes = Array(repeating: .added, count: count)
            missing = count
        }

        func answer(count: Int) {
            missing -= count
            if missing == 0 { continuation?.resume() }
        }
    }

    private struct Entry {
        let call: Call
        let index: Int
        let queue: QueueName
        let id: String
        let delayMilliseconds: Int64
        let uses: JobUses
        let body: [UInt8]
    }

    private let context: QueueContext
    private var pending: [[Entry]]
    private var isFlushing = false

    init(context: QueueContext) {
        self.context = context
        pending = Array(repeating: [], count: context.configuration.shardCount)
    }

    func enqueue(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueOutcome] {
        if jobs.isEmpty { return [] }
        for job in jobs {
            if let problem = job.problem(payloadBytesMax: context.configuration.payloadBytesMax) {
                throw .invalid(problem)
            }
        }
        let call = Call(count: jobs.count)
        for (index, job) in jobs.enumerated() {
            pending[context.configuration.shard(of: job.shardKey)].append(
                Entry(
                    call: call, index: index, queue: job.queue, id: job.id,
                    delayMilliseconds: job.delay.milliseconds, uses: job.uses, body: JobRecord.body(of: job)))
        }
        if !isFlushing {
            isFlushing = true
            Loop.atTurnEnd { [self] in flush() }
        }
        await withCheckedContinuation { call.continuation = $0 }
        if let error = call.error { throw error }
        return call.outcomes
    }

    private func flush() {
        isFlushing = false
        for shard in pending.indices where !pending[shard].isEmpty {
            let entries = pending[shard]
            pending[shard] = []
            var start = 0
            while start < entries.count {
                let end = Self.endOfScript(entries, from: start)
                let chunk = entries[start..<end]
                Task { await send(chunk, shard: shard) }
                start = end
            }
        }
    }

    /// How far one script call reaches: up to the limits of jobs and bytes, at least one job.
    private static func endOfScript(_ entries: [Entry], from start: Int) -> Int {
        var end = start
        var bytes = 0
        while end < entries.count, end - start < QueueLimits.scriptJobsMax {
            bytes += entries[end].body.count
            if bytes > QueueLimits.scriptBytesMax, end > start { break }
            end += 1
        }
        return end
    }

    private func send(_ entries: ArraySlice<Entry>, shard: Int) async {
        let byQueue = QueueName.allCases.compactMap { queue in
            let own = entries.filter { $0.queue == queue }
            return own.isEmpty ? nil : (queue: queue, entries: own)
        }
        var keys: [String] = []
        var arguments: [RedisArgument] = [
            .string(context.configuration.faults.contains(.skipDigestCheck) ? "1" : "0")
        ]
        arguments.reserveCapacity(1 + byQueue.count * 2 + entries.count * 3)
        for (queue, entries) in byQueue {
            keys += context.keys.of(queue, shard: shard)
            arguments.append(RedisArgument(entries.count))
            arguments.append(entries.reduce(into: JobUses()) { $0.formUnion($1.uses) }.options(of: queue))
            for entry in entries {
                arguments.append(.string(entry.id))
                arguments.append(.integer(entry.delayMilliseconds))
                arguments.append(.bytes(entry.body))
            }
        }
        do throws(QueueError) {
            let answer = try await context.run(QueueScript.enqueue, keys: keys, arguments)
            for (number, (queue, entries)) in byQueue.enumerated() {
                try take(answer[number]?.bytes, for: entries, queue)
            }
        } catch {
            for entry in entries { entry.call.error = error }
        }
        for entry in entries { entry.call.answer(count: 1) }
    }

    private func take(_ codes: [UInt8]?, for entries: [Entry], _ queue: QueueName) throws(QueueError) {
        guard let codes, codes.count == entries.count else { throw .unexpected(QueueScript.enqueue) }
        var added = 0
        var conflicts = 0
        for (entry, code) in zip(entries, codes) {
            guard let outcome = EnqueueOutcome(code: code) else { throw .unexpected(QueueScript.enqueue) }
            entry.call.outcomes[entry.index] = outcome
            switch outcome {
            case .added: added += 1
            case .conflict: conflicts += 1
            case .exists: break
            }
        }
        context.metrics.added[queue.ordinal].add(added)
        context.metrics.conflicts[queue.ordinal].add(conflicts)
        context.metrics.repeated[queue.ordinal].add(codes.count - added - conflicts)
    }
}
