import Core
import EventLoop
import Redis
import Telemetry

/// Gathers the enqueue calls of one turn into one script call.
///
/// A call costs Redis some 10 µs and the answer's way back as much again, whatever it holds; so a burst of small jobs for many
/// shards goes out together. Redis Cluster refuses a script of several shards before it starts: from then on each shard
/// gets a call of its own.
///
/// More than fits into one script is not gathered: large calls would be spread over each other's scripts, and all of their
/// producers be answered by the last one and prepare their next jobs at the same time, while Redis waits.
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
        let id: String
        let delayMilliseconds: Int64
        let uses: JobUses
        let body: [UInt8]

        /// What it takes of a script beside others.
        var weight: Int { uses.isDisjoint(with: [.unique, .order, .batch]) ? 1 : QueueLimits.belongingsWeight }
    }

    /// Jobs of one queue in one shard.
    private struct Part {
        let shard: Int
        let queue: QueueName
        /// Jobs the shard may have of it before these are refused; 0 for no limit.
        let lengthMax: Int
        let entries: ArraySlice<Entry>
        /// What any of them asks for.
        let uses: JobUses
    }

    /// What one script call carries.
    private struct Batch {
        let way: EnqueueWay
        var parts: [Part] = []
        var jobs = 0
        var weight = 0
        var bytes = 0
    }

    /// The first of some entries, as far as they fit into a batch.
    private struct Share {
        var jobs = 0
        var weight = 0
        var bytes = 0
        var uses = JobUses()
    }

    private let context: QueueContext
    /// By shard, and in it by queue; after those of producers, those of follow-ups, which no limit refuses.
    private var pending: [[Entry]]
    /// The places in `pending` that are not empty, in the order in which they were first used.
    private var touched: [Int] = []
    private var pendingJobs = 0
    private var spansShards: Bool

    /// Queues and shards of one call: each adds its keys to what Redis has to read.
    private static let partsMax = 64

    init(context: QueueContext) {
        self.context = context
        spansShards = !context.connection.isCluster
        pending = Array(repeating: [], count: 2 * context.configuration.shardCount * QueueName.allCases.count)
    }

    func enqueue(_ jobs: [NewJob], areFollowUps: Bool) async throws(QueueError) -> [EnqueueOutcome] {
        if jobs.isEmpty { return [] }
        // By index: a job is large, and none of it needs to be copied to be looked at.
        for index in jobs.indices {
            if let problem = jobs[index].problem(payloadBytesMax: context.configuration.payloadBytesMax) {
                throw .invalid(problem)
            }
        }
        if pendingJobs + jobs.count > QueueLimits.scriptJobsMax { flush() }
        pendingJobs += jobs.count
        let call = Call(count: jobs.count)
        let firstPlace = areFollowUps ? pending.count / 2 : 0
        for index in jobs.indices {
            let shard = context.configuration.shard(of: jobs[index].shardKey)
            let place = firstPlace + shard * QueueName.allCases.count + jobs[index].queue.ordinal
            if pending[place].isEmpty {
                if touched.isEmpty { Loop.atTurnEnd { [self] in flush() } }
                touched.append(place)
            }
            pending[place].append(
                Entry(
                    call: call, index: index, id: jobs[index].id, delayMilliseconds: jobs[index].delay.milliseconds,
                    uses: jobs[index].uses, body: JobRecord.body(of: jobs[index])))
        }
        await withCheckedContinuation { call.continuation = $0 }
        if let error = call.error { throw error }
        return call.outcomes
    }

    private func flush() {
        let places = touched
        touched = []
        pendingJobs = 0
        guard context.isReplicated else { return flush(places, by: context.way(isAcknowledged: false)) }
        // Follow-ups do not wait for replicas, and what waits does not go with them.
        let (acknowledged, followUps) = (
            places.filter { $0 < pending.count / 2 }, places.filter { $0 >= pending.count / 2 }
        )
        if !acknowledged.isEmpty { flush(acknowledged, by: context.way(isAcknowledged: true)) }
        if !followUps.isEmpty { flush(followUps, by: context.way(isAcknowledged: false)) }
    }

    private func flush(_ places: [Int], by way: EnqueueWay) {
        var batch = Batch(way: way)
        for place in places {
            let half = pending.count / 2
            let (shard, ordinal) = (place % half).quotientAndRemainder(dividingBy: QueueName.allCases.count)
            let queue = QueueName.allCases[ordinal]
            let lengthMax = place < half ? context.configuration.lengthMaxOfShard(queue) : 0
            var entries = pending[place][...]
            pending[place] = []
            while !entries.isEmpty {
                let own = fitting(entries, shard: shard, in: batch)
                if own.jobs == 0 {
                    send(batch)
                    batch = Batch(way: way)
                    continue
                }
                batch.parts.append(
                    Part(
                        shard: shard, queue: queue, lengthMax: lengthMax, entries: entries.prefix(own.jobs),
                        uses: own.uses))
                batch.jobs += own.jobs
                batch.weight += own.weight
                batch.bytes += own.bytes
                entries = entries.dropFirst(own.jobs)
            }
        }
        if !batch.parts.isEmpty { send(batch) }
    }

    /// What the batch can still take of these: up to the limits of one script, at least one in an empty batch.
    private func fitting(_ entries: ArraySlice<Entry>, shard: Int, in batch: Batch) -> Share {
        var share = Share()
        if let last = batch.parts.last, batch.parts.count >= Self.partsMax || (!spansShards && last.shard != shard) {
            return share
        }
        for index in entries.indices {
            let bytes = share.bytes + entries[index].body.count
            let weight = share.weight + entries[index].weight
            let isTooMuch =
                batch.bytes + bytes > QueueLimits.scriptBytesMax || batch.weight + weight > QueueLimits.scriptJobsMax
            if isTooMuch, batch.jobs + share.jobs > 0 { break }
            share.jobs += 1
            share.bytes = bytes
            share.weight = weight
            share.uses.formUnion(entries[index].uses)
        }
        return share
    }

    private func send(_ batch: Batch) {
        let isPlain = batch.parts.allSatisfy { $0.uses.isEmpty && $0.lengthMax == 0 }
        var keys: [String] = []
        var arguments: [RedisArgument] = [
            .string(context.configuration.faults.contains(.skipDigestCheck) ? "1" : "0"),
            RedisArgument(isPlain ? QueueKeys.plainCount : QueueKeys.count),
        ]
        arguments.reserveCapacity(2 + batch.parts.count * 3 + batch.jobs * 3)
        for part in batch.parts {
            if isPlain {
                keys += context.keys.ofPlainJobs(part.queue, shard: part.shard)
            } else {
                keys += context.keys.of(part.queue, shard: part.shard)
            }
            arguments.append(RedisArgument(part.entries.count))
            arguments.append(part.uses.options(of: part.queue))
            arguments.append(RedisArgument(part.lengthMax))
            for index in part.entries.indices {
                arguments.append(.string(part.entries[index].id))
                arguments.append(.integer(part.entries[index].delayMilliseconds))
                arguments.append(.bytes(part.entries[index].body))
            }
        }
        batch.way.send(QueueScript.enqueue, keys: keys, arguments: arguments) { [self] result in
            took(result, of: batch)
        }
    }

    private func took(_ result: Result<RedisValue, RedisError>, of batch: Batch) {
        if case .failure(let error) = result, error.kind == .crossSlot, batch.parts.count > 1 {
            spansShards = false
            return sendByShard(batch)
        }
        do throws(QueueError) {
            let answer = try result.mapError { QueueError($0) }.get()
            for (number, part) in batch.parts.enumerated() {
                try take(answer[number], for: part.entries, part.queue)
            }
        } catch {
            for part in batch.parts { for entry in part.entries { entry.call.error = error } }
        }
        for part in batch.parts { answer(part.entries) }
    }

    /// Entries of one call mostly follow each other.
    private func answer(_ entries: ArraySlice<Entry>) {
        var first = entries.startIndex
        while first < entries.endIndex {
            var next = first + 1
            while next < entries.endIndex, entries[next].call === entries[first].call { next += 1 }
            entries[first].call.answer(count: next - first)
            first = next
        }
    }

    /// Nothing of the batch has been done.
    private func sendByShard(_ batch: Batch) {
        for (_, parts) in Dictionary(grouping: batch.parts, by: \.shard) {
            var own = Batch(way: batch.way)
            own.parts = parts
            own.jobs = parts.reduce(0) { $0 + $1.entries.count }
            send(own)
        }
    }

    private func take(
        _ answer: RedisValue?, for entries: ArraySlice<Entry>, _ queue: QueueName
    ) throws(QueueError) {
        guard let codes = answer?.bytes ?? answer?[0]?.bytes, codes.count == entries.count else {
            throw .unexpected(QueueScript.enqueue)
        }
        var (holders, duplicates, refused) = (0, 0, 0)
        var added = 0
        var conflicts = 0
        // By index, and with `added` as every outcome is from the beginning: most entries are not touched.
        for (index, code) in zip(entries.indices, codes) {
            if code == UInt8(ascii: "a") {
                added += 1
                continue
            }
            if code == UInt8(ascii: "u") { holders += 1 }
            let holder = holders == 0 ? nil : answer?[holders]?.string
            guard let outcome = EnqueueOutcome(code: code, holder: holder) else {
                throw .unexpected(QueueScript.enqueue)
            }
            entries[index].call.outcomes[entries[index].index] = outcome
            switch outcome {
            case .added: added += 1
            case .conflict: conflicts += 1
            case .duplicate: duplicates += 1
            case .full, .batchEnded: refused += 1
            case .exists: break
            }
        }
        context.metrics.added[queue.ordinal].add(added)
        context.metrics.conflicts[queue.ordinal].add(conflicts)
        context.metrics.duplicates[queue.ordinal].add(duplicates)
        context.metrics.refused[queue.ordinal].add(refused)
        context.metrics.repeated[queue.ordinal].add(codes.count - added - conflicts - duplicates - refused)
    }
}
