import Core
package import EventLoop
package import Redis
import Telemetry

/// What a worker pulls from: batches of one queue, or of several by weight or in strict order, from whichever shards have
/// some.
///
/// A batch is of one shard where that has enough, and else of all in which something is ready, so that the work of many
/// shards does not fall into as many small batches. It is of one queue always.
///
/// Nothing polls. Where work may be is known from markers (a blocking pop over all shards), from the answers of leases,
/// and from timers set to the very next due time or expiry; every third of a lease one command looks at all shards, which
/// writes nothing, and names those where something is to be done. A job that was under an expired lease is taken only when this
/// process holds nothing else, and then nothing is leased beside it.
///
/// What the limits of a queue as a whole do not let it lease stays where it is: the source asks for its part (``QueueShares``),
/// and waits to be told.
@Loop
package final class LeaseSource {
    private struct Waiter {
        let max: Int
        let continuation: CheckedContinuation<LeaseBatch?, Never>
    }

    /// One of its queues.
    struct Lane {
        let name: QueueName
        var board: ShardBoard
        /// Its limits let nothing be leased before that, unless something changes; `nil` when they may.
        var waitsUntil: Int64?

        var hasWork: Bool { waitsUntil == nil && board.hasWork }
        var hasSuspects: Bool { waitsUntil == nil && board.hasSuspects }
    }

    let queue: JobQueue
    var lanes: [Lane]
    private var turns: QueueTurns
    var listener: WakeListener?
    private var waiters: [Waiter] = []
    private var leasesOnTheirWay = 0
    private var isTakingAlone = false
    private var isStarted = false
    private(set) var isQuiet = false
    var looksOnTheirWay = 0
    var isGlancing = false
    var glancedAtMilliseconds: Int64 = 0
    /// When the last look that was answered was sent: what it said of limits is known since then.
    var knownAtMilliseconds: Int64?
    /// When a lease brought something at last.
    private var broughtAtMilliseconds: Int64 = 0
    private var failures = 0
    private(set) var resumesAtMilliseconds: Int64 = 0
    var checkTimer: (timer: LoopTimer, atMilliseconds: Int64)?
    var lookTimer: LoopTimer?
    private var stopping: CheckedContinuation<Void, Never>?

    /// A source of one queue.
    ///
    /// - Parameter wakeConnection: a connection that nobody else uses, since the source blocks it; whoever made it
    ///   starts and closes it.
    package convenience init(queue: JobQueue, name: QueueName, wakeConnection: RedisClient) {
        self.init(queue: queue, queues: .strict([name]), wakeConnection: wakeConnection)
    }

    /// A source of several queues, with one connection for the markers of all of them.
    ///
    /// - Precondition: the order has no ``QueueOrder/problem``.
    package init(queue: JobQueue, queues: QueueOrder, wakeConnection: RedisClient) {
        precondition(queues.problem == nil, queues.problem ?? "")
        self.queue = queue
        let shardCount = queue.configuration.shardCount
        lanes = queues.queues.map { Lane(name: $0, board: ShardBoard(shardCount: shardCount)) }
        turns = QueueTurns(queues)
        listener = WakeListener(
            connection: wakeConnection, keys: queue.context.keys, shardCount: shardCount,
            queues: queues.queues,
            onWake: { [weak self] in self?.wake($0) },
            onCall: { [weak self] in self?.queue.context.feed.look() },
            onLoss: { [weak self] in
                // Whatever happened meanwhile, no marker tells.
                self?.heatAll()
                self?.pump()
            })
    }

    /// Begins to look around. Every shard is asked once at first, since markers of the past may be gone.
    package func start() {
        guard !isStarted else { return }
        isStarted = true
        heatAll()
        queue.context.feed.look()
        // The release that follows arms the timer.
        queue.settles.observeChecks { [weak self] settled, shard, wait in
            guard let self, let index = lanes.firstIndex(where: { $0.name == settled }) else { return }
            lanes[index].board.noteCheck(in: wait, shard: shard, now: Loop.monotonicMilliseconds)
        }
        queue.held.observeReleases { [weak self] in self?.limitsMayHaveChanged() }
        queue.shares.observe { [weak self] in self?.limitsMayHaveChanged() }
        armLook()
        pump()
    }

    /// Waits for a batch of at most `max` jobs (1 to 500); `nil` once the source is quiet. Several tasks may wait, and
    /// the first one is served first.
    package func next(max: Int) async -> LeaseBatch? {
        if isQuiet { return nil }
        return await withCheckedContinuation { continuation in
            waiters.append(Waiter(max: max, continuation: continuation))
            pump()
        }
    }

    /// Leases nothing more; those who wait get `nil`. Leases that are on their way still are given back.
    package func quiet() {
        isQuiet = true
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.continuation.resume(returning: nil) }
        for lane in lanes { queue.shares.setDemand(0, of: lane.name) }
    }

    /// Quiets, waits until nothing is on its way, and ends the timers. What is held stays held: settle it first.
    package func stop() async {
        quiet()
        if isBusy { await withCheckedContinuation { stopping = $0 } }
        for lane in lanes { queue.shares.leave(lane.name) }
        checkTimer?.timer.cancel()
        lookTimer?.cancel()
        checkTimer = nil
        lookTimer = nil
        listener = nil
    }

    var hasWaiters: Bool { !waiters.isEmpty }

    private var isBusy: Bool { leasesOnTheirWay > 0 || looksOnTheirWay > 0 }

    func endStopIfDone() {
        guard !isBusy else { return }
        stopping?.resume()
        stopping = nil
    }

    func heatAll() { for index in lanes.indices { lanes[index].board.heatAll() } }

    private func limitsMayHaveChanged() {
        for index in lanes.indices { lanes[index].waitsUntil = nil }
        pump()
    }

    // MARK: Leasing

    /// How long after work the next is expected soon: then a marker is no reason to lease from its shard alone.
    var busyMilliseconds: Int64 = 50
    /// How old a glance may be at most while there is work, and at least before the next one.
    private static let glanceAges: ClosedRange<Int64> = 4...20

    func pump() {
        guard isStarted, !isQuiet else { return }
        let now = Loop.monotonicMilliseconds
        for index in lanes.indices where lanes[index].waitsUntil.map({ $0 <= now }) ?? false {
            lanes[index].waitsUntil = nil
        }
        noteDemand()
        while waiters.count > leasesOnTheirWay, !isTakingAlone, queue.held.aloneCount == 0 {
            if now < resumesAtMilliseconds { return armCheck() }
            // Nobody leases who does not know of limits.
            if isUnaware(now) {
                if !isGlancing { startGlance() }
                return armCheck()
            }
            let isIdle = queue.held.jobCount == 0 && leasesOnTheirWay == 0
            let hasSuspects = lanes.contains { $0.hasSuspects }
            // Suspects wait: finish what is held, then take one.
            if hasSuspects, !isIdle { return armCheck() }
            let turn = turns.next { hasSuspects ? lanes[$0].hasSuspects : lanes[$0].hasWork }
            guard let index = turn else { break }
            switch queue.shares.allow(lanes[index].name, wanted: waiters.lazy.map(\.max).min() ?? 1) {
            case .free(let max):
                let group = lanes[index].board.takeGroup(max: max)
                lease(group, of: index, mayTakeAlone: hasSuspects)
            case .wait(let until): lanes[index].waitsUntil = until
            case .ask: lanes[index].waitsUntil = .max
            }
        }
        armCheck()
        let hasNothingToTry = leasesOnTheirWay == 0 && !lanes.contains { $0.hasWork }
        // Markers are popped only by a source that has nothing to do: under steady load a shard that once ran empty, or
        // another queue, would wait until all others are empty too.
        let isWorking =
            leasesOnTheirWay > 0
            && now - broughtAtMilliseconds < queue.configuration.lease.milliseconds / 3
        let soon = hasNothingToTry && !lanes.contains { $0.waitsUntil != nil }
        if isWorking || (hasWaiters && isBusy(now)),
            glanceIsOlder(than: soon ? Self.glanceAges.lowerBound : Self.glanceAges.upperBound, now)
        {
            startGlance()
        }
        // A marker is popped only for somebody who waits and has nothing else to try.
        if hasWaiters, hasNothingToTry, !isGlancing { listener?.listen() }
    }

    private func isUnaware(_ now: Int64) -> Bool {
        guard let knownAtMilliseconds else { return true }
        return now - knownAtMilliseconds > Swift.max(2, queue.configuration.lease.milliseconds / 2)
    }

    private func isBusy(_ now: Int64) -> Bool { now - broughtAtMilliseconds < busyMilliseconds }

    /// Where there was work a moment ago, there is more elsewhere. True when it looks.
    func startGlanceWhereBusy() -> Bool {
        let now = Loop.monotonicMilliseconds
        guard isBusy(now), glanceIsOlder(than: Self.glanceAges.lowerBound, now) else { return false }
        startGlance()
        return true
    }

    private func glanceIsOlder(than age: Int64, _ now: Int64) -> Bool {
        !isGlancing && now - glancedAtMilliseconds >= age
    }

    /// Says what could be leased if there were no limits, where there are some.
    private func noteDemand() {
        guard queue.shares.isLimited else { return }
        let demand = waiters.dropFirst(leasesOnTheirWay).reduce(0) { $0 + $1.max }
        for lane in lanes { queue.shares.setDemand(lane.board.hasWork ? demand : 0, of: lane.name) }
    }

    /// Leases for one who waits.
    private func lease(_ group: [ShardBoard.Share], of index: Int, mayTakeAlone: Bool) {
        leasesOnTheirWay += 1
        isTakingAlone = mayTakeAlone
        let wanted = group.reduce(0) { $0 + $1.jobs }
        let name = lanes[index].name
        let grant = queue.shares.begin(name, wanted)
        turns.charge(index, wanted)
        Task {
            // The calls go out in one turn.
            let others = group.dropFirst().map { share in
                Task { @Loop in await self.ask(index, share, mayTakeAlone: mayTakeAlone) }
            }
            var asked = [await ask(index, group[0], mayTakeAlone: mayTakeAlone)]
            for other in others { asked.append(await other.value) }
            let got = asked.reduce(0) { $0 + ($1.batch?.jobs.count ?? 0) }
            queue.shares.end(name, grant, got: got, inDoubt: asked.reduce(0) { $0 + $1.inDoubt })
            turns.charge(index, got - wanted)
            let (batch, left) = LeaseBatch.merging(asked.compactMap(\.batch))
            if let batch {
                broughtAtMilliseconds = Loop.monotonicMilliseconds
                deliver(batch)
            }
            for batch in left { deliver(batch) }
            leasesOnTheirWay -= 1
            isTakingAlone = false
            pump()
            endStopIfDone()
        }
    }

    private struct Asked {
        /// `nil` when nothing was there, or Redis did not answer.
        var batch: LeaseBatch?
        /// Jobs that Redis may have leased all the same.
        var inDoubt = 0
    }

    private func ask(_ index: Int, _ share: ShardBoard.Share, mayTakeAlone: Bool) async -> Asked {
        do throws(QueueError) {
            let answer = try await queue.lease(
                lanes[index].name, shard: share.shard, max: share.jobs, mayTakeAlone: mayTakeAlone)
            failures = 0
            lanes[index].board.note(answer, shard: share.shard, now: Loop.monotonicMilliseconds)
            return Asked(batch: answer.batch)
        } catch {
            lanes[index].board.heat(share.shard)
            backOff(error, lanes[index].name)
            return Asked(inDoubt: error.mayHaveHappened ? share.jobs : 0)
        }
    }

    private func deliver(_ batch: LeaseBatch) {
        if !waiters.isEmpty {
            waiters.removeFirst().continuation.resume(returning: batch)
            return
        }
        // Quieted while the lease was on its way, or what could not be in one batch with the rest.
        Task {
            do throws(QueueError) {
                _ = try await queue.giveBack(batch.jobs)
            } catch {
                queue.context.log.warning(
                    "a lease could not be given back and will expire", ["error": .error(error)])
            }
        }
    }

    func backOff(_ error: QueueError, _ name: QueueName) {
        // One loss fails many calls at once.
        guard Loop.monotonicMilliseconds >= resumesAtMilliseconds else { return }
        if failures == 0 {
            queue.context.log.warning(
                "leasing failed", ["queue.name": .string(name.rawValue), "error": .error(error)])
        }
        failures += 1
        let ceiling = min(2000, 25 << min(failures, 7))
        resumesAtMilliseconds = Loop.monotonicMilliseconds + Int64.random(in: 1...Int64(ceiling))
    }
}
