import Core
package import EventLoop
package import Redis
import Telemetry

/// What a worker pulls from: batches of one queue, from whichever shards have some.
///
/// A batch is of one shard where that has enough, and else of all in which something is ready, so that the work of many
/// shards does not fall into as many small batches.
///
/// Nothing polls. Where work may be is known from markers (a blocking pop over all shards), from the answers of leases,
/// and from timers set to the very next due time or expiry; every third of a lease one command looks at all shards, which
/// writes nothing, and names those where something is to be done. A job that was under an expired lease is taken only when this
/// process holds nothing else, and then nothing is leased beside it.
@Loop
package final class LeaseSource {
    private struct Waiter {
        let max: Int
        let continuation: CheckedContinuation<LeaseBatch?, Never>
    }

    private let queue: JobQueue
    private let name: QueueName
    private var board: ShardBoard
    private var listener: WakeListener?
    private var waiters: [Waiter] = []
    private var leasesOnTheirWay = 0
    private var isTakingAlone = false
    private var isStarted = false
    private var isQuiet = false
    private var looksOnTheirWay = 0
    private var isGlancing = false
    private var glancedAtMilliseconds: Int64 = 0
    /// When a lease brought something at last.
    private var broughtAtMilliseconds: Int64 = 0
    private var failures = 0
    private var resumesAtMilliseconds: Int64 = 0
    private var checkTimer: (timer: LoopTimer, atMilliseconds: Int64)?
    private var lookTimer: LoopTimer?
    private var stopping: CheckedContinuation<Void, Never>?

    /// - Parameter wakeConnection: a connection that nobody else uses, since the source blocks it; whoever made it
    ///   starts and closes it.
    package init(queue: JobQueue, name: QueueName, wakeConnection: RedisClient) {
        self.queue = queue
        self.name = name
        board = ShardBoard(shardCount: queue.configuration.shardCount)
        listener = WakeListener(
            connection: wakeConnection, keys: queue.context.keys, shardCount: queue.configuration.shardCount,
            queue: name,
            onWake: { [weak self] in self?.wake($0) },
            onCall: { [weak self] in self?.queue.context.feed.look() },
            onLoss: { [weak self] in
                // Whatever happened meanwhile, no marker tells.
                self?.board.heatAll()
                self?.pump()
            })
    }

    /// Begins to look around. Every shard is asked once at first, since markers of the past may be gone.
    package func start() {
        guard !isStarted else { return }
        isStarted = true
        board.heatAll()
        queue.context.feed.look()
        // The release that follows arms the timer.
        queue.settles.observeChecks { [weak self] settled, shard, wait in
            guard let self, settled == name else { return }
            board.noteCheck(in: wait, shard: shard, now: Loop.monotonicMilliseconds)
        }
        queue.held.observeReleases { [weak self] in self?.pump() }
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
    }

    /// Quiets, waits until nothing is on its way, and ends the timers. What is held stays held: settle it first.
    package func stop() async {
        quiet()
        if isBusy { await withCheckedContinuation { stopping = $0 } }
        checkTimer?.timer.cancel()
        lookTimer?.cancel()
        checkTimer = nil
        lookTimer = nil
        listener = nil
    }

    private var isBusy: Bool { leasesOnTheirWay > 0 || looksOnTheirWay > 0 }

    private func endStopIfDone() {
        guard !isBusy else { return }
        stopping?.resume()
        stopping = nil
    }

    // MARK: Leasing

    /// How long after work the next is expected soon: then a marker is no reason to lease from its shard alone.
    var busyMilliseconds: Int64 = 50
    /// How old a glance may be at most while there is work, and at least before the next one.
    private static let glanceAges: ClosedRange<Int64> = 4...20

    private func pump() {
        guard isStarted, !isQuiet else { return }
        let now = Loop.monotonicMilliseconds
        while waiters.count > leasesOnTheirWay, !isTakingAlone, queue.held.aloneCount == 0 {
            if now < resumesAtMilliseconds { return armCheck() }
            let isIdle = queue.held.jobCount == 0 && leasesOnTheirWay == 0
            // Suspects wait: finish what is held, then take one.
            if board.hasSuspects, !isIdle { return armCheck() }
            let max = waiters.lazy.map(\.max).min() ?? 1
            let group = board.takeGroup(max: max)
            if group.isEmpty { break }
            lease(group, max: max, mayTakeAlone: board.hasSuspects)
        }
        armCheck()
        guard !waiters.isEmpty else { return }
        let hasNothingToTry = leasesOnTheirWay == 0 && !board.hasWork
        // Markers are popped only by a source that has nothing to do: under steady load a shard that once ran empty would
        // wait until all others are empty too.
        if isBusy(now),
            glanceIsOlder(than: hasNothingToTry ? Self.glanceAges.lowerBound : Self.glanceAges.upperBound, now)
        {
            startGlance()
        }
        // A marker is popped only for somebody who waits and has nothing else to try.
        if hasNothingToTry, !isGlancing { listener?.listen() }
    }

    private func isBusy(_ now: Int64) -> Bool { now - broughtAtMilliseconds < busyMilliseconds }

    private func glanceIsOlder(than age: Int64, _ now: Int64) -> Bool {
        !isGlancing && now - glancedAtMilliseconds >= age
    }

    /// Leases for one who waits: from one shard all, from several to each its share.
    private func lease(_ shards: [Int], max: Int, mayTakeAlone: Bool) {
        leasesOnTheirWay += 1
        isTakingAlone = mayTakeAlone
        let share = Swift.max(1, max / shards.count)
        Task {
            // The calls go out in one turn.
            let others = shards.dropFirst().map { shard in
                Task { @Loop in await self.ask(shard, max: share, mayTakeAlone: mayTakeAlone) }
            }
            var batches: [LeaseBatch] = []
            if let batch = await ask(shards[0], max: share, mayTakeAlone: mayTakeAlone) { batches.append(batch) }
            for other in others { if let batch = await other.value { batches.append(batch) } }
            let (batch, left) = LeaseBatch.merging(batches)
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

    /// `nil` when nothing was there, or Redis did not answer.
    private func ask(_ shard: Int, max: Int, mayTakeAlone: Bool) async -> LeaseBatch? {
        do throws(QueueError) {
            let answer = try await queue.lease(name, shard: shard, max: max, mayTakeAlone: mayTakeAlone)
            failures = 0
            board.note(answer, shard: shard, now: Loop.monotonicMilliseconds)
            return answer.batch
        } catch {
            board.heat(shard)
            backOff(error)
            return nil
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

    private func backOff(_ error: QueueError) {
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

    // MARK: Looking

    private func wake(_ shard: Int) {
        guard shard >= 0 else { return pump() }
        if isQuiet || waiters.isEmpty {
            // Nobody here wants it: the look puts the marker back for another worker.
            startLook(shard)
            return
        }
        board.heat(shard)
        let now = Loop.monotonicMilliseconds
        // Where there was work a moment ago, there is more elsewhere: one batch of all of it.
        if isBusy(now), glanceIsOlder(than: Self.glanceAges.lowerBound, now) { return startGlance() }
        pump()
    }

    /// One timer for the earliest of what is due in any shard, the end of a back-off, and, while suspects keep this
    /// process from leasing, a look whether another has taken them.
    private func armCheck() {
        let now = Loop.monotonicMilliseconds
        var at = board.earliestCheck ?? .max
        if now < resumesAtMilliseconds { at = min(at, resumesAtMilliseconds) }
        if board.hasSuspects, !waiters.isEmpty {
            at = min(at, now + Swift.max(10, queue.configuration.lease.milliseconds / 50))
        }
        guard at < .max, !isQuiet else { return }
        if let checkTimer {
            // One that fires too early only arms the next.
            if checkTimer.atMilliseconds <= at { return }
            checkTimer.timer.cancel()
        }
        // Two milliseconds at least: a capped step that leaves something due must not become a busy loop.
        let timer = LoopTimer(after: .milliseconds(Swift.max(2, at - now))) { [weak self] in self?.check() }
        checkTimer = (timer, at)
    }

    private func check() {
        checkTimer = nil
        let due = board.takeDue(now: Loop.monotonicMilliseconds)
        if waiters.isEmpty || board.hasSuspects {
            for shard in Set(due).union(board.suspectShards) { startLook(shard) }
        } else {
            for shard in due { board.heat(shard) }
        }
        pump()
    }

    private func armLook() {
        guard !isQuiet else { return }
        let third = Double(queue.configuration.lease.milliseconds) / 3
        // Some jitter, so that the workers of a fleet do not look in step.
        lookTimer = LoopTimer(after: .milliseconds(Int64(third * Double.random(in: 0.9...1)))) { [weak self] in
            guard let self, !isQuiet else { return }
            queue.context.feed.lookIfActive()
            startGlance()
            armLook()
        }
    }

    /// One command over all shards. Where something is to be done, somebody who waits leases, which does it too; else it is
    /// looked at by itself.
    private func startGlance() {
        isGlancing = true
        glancedAtMilliseconds = Loop.monotonicMilliseconds
        looksOnTheirWay += 1
        Task {
            do throws(QueueError) {
                let glance = try await queue.glance([name])[0]
                let now = Loop.monotonicMilliseconds
                let leases = !waiters.isEmpty && !board.hasSuspects
                for (shard, state) in glance.shards.enumerated() {
                    switch state {
                    case .needsTick: if leases { board.heat(shard) } else { startLook(shard) }
                    case .rests(let nextCheck): board.note(nextCheck: nextCheck, shard: shard, now: now)
                    }
                }
            } catch {
                board.heatAll()
                backOff(error)
            }
            isGlancing = false
            looksOnTheirWay -= 1
            pump()
            endStopIfDone()
        }
    }

    private func startLook(_ shard: Int) {
        looksOnTheirWay += 1
        Task {
            do throws(QueueError) {
                let answer = try await queue.tick(name, shard: shard)
                board.note(answer, shard: shard, now: Loop.monotonicMilliseconds)
            } catch {
                board.heat(shard)
                backOff(error)
            }
            looksOnTheirWay -= 1
            pump()
            endStopIfDone()
        }
    }
}
