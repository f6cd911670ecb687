import Core
import EventLoop
import Redis
import Telemetry

/// Gathers the ends of attempts: one script call for each queue and shard and turn, and while a call is on its way
/// the next ends wait for its reply, so that acknowledgements group by themselves under load and go at once otherwise.
@Loop
final class SettleGatherer {
    /// What waits for one queue of a shard.
    private struct Lane {
        var pending: [SettleEntry] = []
        var callsOnTheirWay = 0
        var isFlushing = false
    }

    private let context: QueueContext
    private let enqueues: EnqueueGatherer
    private let held: HeldLeases
    private var lanes: [Lane]
    /// Told after each answer when the queue must next be looked at in that shard.
    private var checkObservers: [@Loop (QueueName, Int, Duration) -> Void] = []
    private static let queueCount = QueueName.allCases.count
    /// The follow-ups of one job that its acknowledgement carries; a job with more has the rest enqueued after it.
    private static let followUpsMax = QueueLimits.scriptJobsMax

    init(context: QueueContext, enqueues: EnqueueGatherer, held: HeldLeases) {
        self.context = context
        self.enqueues = enqueues
        self.held = held
        lanes = Array(repeating: Lane(), count: context.configuration.shardCount * Self.queueCount)
    }

    /// Tells of the next moment at which time brings something about, of whatever queue and shard something is settled in:
    /// nobody else is told of a retry, since no marker is set for what is not yet due.
    func observeChecks(_ observer: @escaping @Loop (QueueName, Int, Duration) -> Void) {
        checkObservers.append(observer)
    }

    func settle(_ verdicts: [(job: LeasedJob, verdict: JobVerdict)]) async throws(QueueError) -> Settlement {
        if verdicts.isEmpty { return Settlement() }
        try check(verdicts)
        if let recorder = FlightRecorder.shared {
            let completed = verdicts.count { if case .complete = $0.verdict { true } else { false } }
            recorder.add(completed, to: .unacknowledged)
            defer { recorder.add(-completed, to: .unacknowledged) }
            return try await settleAfterDelay(verdicts)
        }
        return try await settleAfterDelay(verdicts)
    }

    private func settleAfterDelay(
        _ verdicts: [(job: LeasedJob, verdict: JobVerdict)]
    ) async throws(QueueError) -> Settlement {
        if let delay = context.configuration.settleDelay {
            let bounds = delay.lowerBound.milliseconds...delay.upperBound.milliseconds
            let wait = Duration.milliseconds(Int64.random(in: bounds))
            try? await Loop.sleep(for: wait)  // a test's delay; a cancelled one is only shorter
        }
        let call = SettleCall(count: verdicts.count)
        return try await settle(verdicts.map { entry(for: $0.job, $0.verdict, of: call) }, call)
    }

    /// Ends jobs whose deadline has passed.
    func expire(_ jobs: [LeasedJob]) async throws(QueueError) -> Settlement {
        let call = SettleCall(count: jobs.count)
        return try await settle(
            jobs.map { SettleEntry(call: call, id: $0.id, lease: $0.lease, digest: $0.digest, ending: .expire) }, call)
    }

    /// Takes a lease away from jobs whose cancellation was not heeded in time.
    func cancel(_ ids: [String], _ lease: Lease) async throws(QueueError) -> Settlement {
        let call = SettleCall(count: ids.count)
        return try await settle(
            ids.map { SettleEntry(call: call, id: $0, lease: lease, digest: 0, ending: .cancel) }, call)
    }

    private func settle(_ entries: [SettleEntry], _ call: SettleCall) async throws(QueueError) -> Settlement {
        for entry in entries {
            guard held.claim(entry) else {
                call.settlement.stale.append(entry.id)
                call.answer()
                continue
            }
            let lane = entry.lease.shard * Self.queueCount + entry.lease.queue.ordinal
            lanes[lane].pending.append(entry)
            wakeUp(lane)
        }
        if call.isAnswered { return call.settlement }
        await withCheckedContinuation { call.continuation = $0 }
        if let error = call.error { throw error }
        return call.settlement
    }

    private func check(_ verdicts: [(job: LeasedJob, verdict: JobVerdict)]) throws(QueueError) {
        for case (_, .complete(let followUps)) in verdicts {
            for job in followUps {
                if let problem = job.problem(payloadBytesMax: context.configuration.payloadBytesMax) {
                    throw .invalid("follow-up: \(problem)")
                }
            }
        }
    }

    private func entry(for job: LeasedJob, _ verdict: JobVerdict, of call: SettleCall) -> SettleEntry {
        var entry = SettleEntry(call: call, id: job.id, lease: job.lease, digest: job.digest, ending: .complete)
        entry.hasBelongings = job.hasBelongings
        if context.feed.isTailed { (entry.kind, entry.run) = (job.kind, job.attempt) }
        switch verdict {
        case .complete(let followUps):
            guard !context.configuration.faults.contains(.dropFollowUps) else { break }
            let isFaulty = context.configuration.faults.contains(.skipDerivedID)
            for followUp in isFaulty ? followUps.map(Self.renamed) : followUps {
                let isNear = context.configuration.shard(of: followUp.shardKey) == job.shard
                if isNear, entry.nearFollowUps.count < Self.followUpsMax {
                    entry.nearFollowUps.append(followUp)
                } else {
                    entry.farFollowUps.append(followUp)
                }
            }
        case .retry(let delay, let error): entry.ending = .retry(Self.milliseconds(delay), error)
        case .bury(let reason): entry.ending = .bury(reason)
        case .giveBack: entry.ending = .giveBack
        case .snooze(let delay): entry.ending = .snooze(Self.milliseconds(delay))
        }
        return entry
    }

    private static func renamed(_ job: NewJob) -> NewJob {
        var job = job
        job.id = "chance-\(UInt64.random(in: 0 ... .max))"
        return job
    }

    private static func milliseconds(_ delay: Duration) -> Int64 {
        min(max(0, delay.milliseconds), QueueLimits.delayMax.milliseconds)
    }

    /// Sees to it that the lane is flushed: at the end of this turn, or when the call on its way is answered.
    private func wakeUp(_ lane: Int) {
        let isCrowded = lanes[lane].pending.count >= QueueLimits.settleGatherMax
        guard !lanes[lane].isFlushing, lanes[lane].callsOnTheirWay == 0 || isCrowded else { return }
        lanes[lane].isFlushing = true
        Loop.atTurnEnd { [self] in flush(lane) }
    }

    private func flush(_ lane: Int) {
        lanes[lane].isFlushing = false
        while !lanes[lane].pending.isEmpty {
            var count = 0
            var followUps = 0
            var weight = 0
            for entry in lanes[lane].pending.prefix(QueueLimits.scriptJobsMax) {
                followUps += entry.nearFollowUps.count
                weight += entry.hasBelongings ? QueueLimits.belongingsWeight : 1
                if followUps > Self.followUpsMax || weight > QueueLimits.scriptJobsMax, count > 0 { break }
                count += 1
            }
            let entries = Array(lanes[lane].pending.prefix(count))
            lanes[lane].pending.removeFirst(count)
            lanes[lane].callsOnTheirWay += 1
            Task {
                await send(entries)
                lanes[lane].callsOnTheirWay -= 1
                if !lanes[lane].pending.isEmpty { wakeUp(lane) }
            }
        }
    }

    /// Sends one call, again over lost connections, and tells those who wait for it.
    private func send(_ entries: [SettleEntry]) async {
        let request = SettleRequest(entries, context: context)
        let queue = entries[0].lease.queue
        let giveUpAt = Loop.monotonicMilliseconds + context.configuration.settlePatience.milliseconds
        var repeats = 0
        while true {
            do throws(QueueError) {
                let answer = try await context.run(QueueScript.settle, keys: request.keys, request.arguments)
                try take(answer, for: request, wasRepeated: repeats > 0)
                break
            } catch {
                if error.isUnreachableStore, Loop.monotonicMilliseconds < giveUpAt, await waitToRepeat(repeats) {
                    repeats += 1
                    context.metrics.settlesRepeated[queue.ordinal].add()
                    continue
                }
                context.log.error(
                    "attempts could not be settled",
                    [
                        "queue.name": .string(queue.rawValue), "job.count": .int(entries.count),
                        "error": .error(error),
                    ])
                for entry in entries { entry.call.error = error }
                break
            }
        }
        for entry in entries { held.release(entry.lease, jobCount: 1) }
        for entry in entries { entry.call.answer() }
        held.tellObservers()
    }

    /// False when the task was cancelled.
    private func waitToRepeat(_ repeats: Int) async -> Bool {
        let wait = Duration.milliseconds(Int64.random(in: 1...Int64(min(1000, 20 << min(repeats, 6)))))
        do {
            try await Loop.sleep(for: wait)  // the backoff of a call that is repeated
            return true
        } catch {
            return false
        }
    }

    private func take(_ answer: RedisValue, for request: SettleRequest, wasRepeated: Bool) throws(QueueError) {
        guard let stale = answer[0]?.array, let died = answer[1]?.array, let now = answer[2]?.integer,
            let check = answer[3]?.integer, let codes = answer[4]?.array, let cancelled = answer[5]?.array,
            stale.count % 2 == 0, codes.count == request.followUpQueues.count
        else { throw .unexpected(QueueScript.settle) }
        if let wait = LeaseAnswer.wait(until: check, now: now) {
            for observer in checkObservers { observer(request.queue, request.entries[0].lease.shard, wait) }
        }
        var staleEntries: Set<Int> = []
        for index in stride(from: 0, to: stale.count, by: 2) {
            guard let group = stale[index].integer, let id = stale[index + 1].string,
                let entry = request.entryIndex(group: Int(group), id: id)
            else { throw .unexpected(QueueScript.settle) }
            staleEntries.insert(entry)
        }
        let diedIDs = Set(died.compactMap(\.string))
        let cancelledIDs = Set(cancelled.compactMap(\.string))
        var counts = Array(repeating: 0, count: QueueMetrics.Verdict.allCases.count)
        var farFollowUps: [NewJob] = []
        context.feed.noteActivity()
        for (index, entry) in request.entries.enumerated() {
            if wasRepeated { entry.call.settlement.wasRepeated = true }
            if staleEntries.contains(index) {
                entry.call.settlement.stale.append(entry.id)
                continue
            }
            let isCancelled = !cancelledIDs.isEmpty && cancelledIDs.contains(entry.id)
            if context.feed.isTailed {
                context.feed.noteSettled(
                    entry, died: diedIDs.contains(entry.id), wasCancelled: isCancelled, at: now,
                    took: held.age(of: entry.lease))
            }
            if isCancelled {
                counts[QueueMetrics.Verdict.cancel.rawValue] += 1
                entry.call.settlement.cancelled.append(entry.id)
                continue
            }
            counts[entry.ending.verdict.rawValue] += 1
            if diedIDs.contains(entry.id) { entry.call.settlement.died.append(entry.id) }
            farFollowUps += entry.farFollowUps
        }
        count(counts, stale: staleEntries.count, died: diedIDs.count, request.queue)
        for (queue, codes) in zip(request.followUpQueues, codes) { noteConflicts(codes.bytes ?? [], queue) }
        if !farFollowUps.isEmpty { Task { await enqueueFar(farFollowUps) } }
    }

    private func count(_ settled: [Int], stale: Int, died: Int, _ queue: QueueName) {
        for verdict in QueueMetrics.Verdict.allCases where settled[verdict.rawValue] > 0 {
            context.metrics.settled(verdict, queue, settled[verdict.rawValue])
        }
        if stale > 0 {
            context.metrics.stale[queue.ordinal].add(stale)
            context.log.warning(
                "jobs were refused: their lease is another's",
                ["queue.name": .string(queue.rawValue), "job.count": .int(stale)])
        }
        context.metrics.died[queue.ordinal].add(died)
    }

    private func noteConflicts(_ codes: [UInt8], _ queue: QueueName) {
        let added = codes.count { $0 == UInt8(ascii: "a") }
        let unwanted = codes.count { $0 == UInt8(ascii: "-") }
        let duplicates = codes.count { $0 == UInt8(ascii: "u") }
        let late = codes.count { $0 == UInt8(ascii: "n") }
        let conflicts = codes.count { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        context.metrics.added[queue.ordinal].add(added)
        context.metrics.repeated[queue.ordinal].add(codes.count - added - conflicts - duplicates - unwanted - late)
        context.metrics.duplicates[queue.ordinal].add(duplicates)
        context.metrics.refused[queue.ordinal].add(late)
        if late > 0 {
            context.log.error(
                "follow-ups came too late for their batches",
                ["queue.name": .string(queue.rawValue), "job.count": .int(late)])
        }
        guard conflicts > 0 else { return }
        context.metrics.conflicts[queue.ordinal].add(conflicts)
        context.log.error(
            "follow-ups have the ids of other jobs",
            ["queue.name": .string(queue.rawValue), "job.count": .int(conflicts)])
    }

    /// Follow-ups of other shards: a hint, since the row that owes them is found by the sweep.
    private func enqueueFar(_ jobs: [NewJob]) async {
        do throws(QueueError) {
            let outcomes = try await enqueues.enqueue(jobs, areFollowUps: true)
            let conflicts = outcomes.count { if case .conflict = $0 { true } else { false } }
            if conflicts > 0 {
                context.log.error("follow-ups have the ids of other jobs", ["job.count": .int(conflicts)])
            }
            let late = outcomes.count { $0 == .batchEnded }
            if late > 0 { context.log.error("follow-ups came too late for their batches", ["job.count": .int(late)]) }
        } catch {
            for job in jobs { context.metrics.followUpsLost[job.queue.ordinal].add() }
            context.log.warning(
                "follow-ups of another shard were not enqueued",
                ["job.count": .int(jobs.count), "error": .error(error)])
        }
    }
}
