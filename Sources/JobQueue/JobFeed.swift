import Core
import EventLoop
import Redis
import Telemetry

/// A worker's side of the feed: tells what happens to its jobs while somebody asks for it, and costs nothing otherwise.
///
/// Somebody who tails keeps a key alive. This side learns of it by a look when it starts, when it is called out of its wait
/// for work, and at times while it works; from then on events gather here and go to a stream in bounded pieces, never in
/// the way of an acknowledgement. What finds no room is left out and counted.
@Loop
final class JobFeed {
    /// Told by the queue's parts before they make an event: one look at a flag is all that the feed costs them.
    private(set) var isTailed = false
    /// Whether jobs were settled since the last look.
    private var isActive = false
    /// Its owner. What is on its way to Redis holds it, for the queue may be let go of meanwhile.
    private unowned let context: QueueContext
    /// Those that wait to be told.
    private(set) var events: [JobEvent] = []
    private var sent = 0
    private var leftOut = 0
    private var isSending = false
    private var isLooking = false
    private var flushTimer: LoopTimer?
    private var endTimer: LoopTimer?

    /// Events that wait here; of the last half, none goes to leases and completions, so that failures find room.
    nonisolated static let waitingMax = 8000
    /// Events of one call.
    private static let pieceMax = 250
    /// Between two calls: 5,000 events a second at most.
    private static let pause = Duration.milliseconds(50)
    /// Entries that the stream keeps, each of one call.
    private static let entriesMax = 500
    private static let keptFor = Duration.seconds(60)

    init(context: QueueContext) { self.context = context }

    /// The feed and the key that asks for it. They lie with shard 0.
    nonisolated static func keys(prefix: String) -> [String] { ["\(prefix):{0}:feed", "\(prefix):{0}:tail"] }

    private var keys: [String] { Self.keys(prefix: context.configuration.prefix) }

    // MARK: Learning of it

    /// Notes that this process does something: its next look is worth a command.
    func noteActivity() { isActive = true }

    /// Looks whether somebody tails, when this process did something since it last looked.
    func lookIfActive() {
        if isActive { look() }
    }

    /// Looks whether somebody tails.
    func look() {
        guard !isLooking else { return }
        isLooking = true
        isActive = false
        Task { [context, keys] in
            do throws(QueueError) {
                let answer = try await context.run(QueueScript.feedLook, keys: [keys[1]], [])
                note(askedFor: answer.integer ?? -1)
            } catch {
                // Nobody waits for it; the next look asks again.
                context.log.debug("the look for a tail failed", ["error": .error(error)])
                note(askedFor: -1)
            }
            isLooking = false
        }
    }

    /// - Parameter milliseconds: for how long somebody asks for the feed; negative for nobody.
    private func note(askedFor milliseconds: Int64) {
        isTailed = milliseconds >= 0
        endTimer?.cancel()
        endTimer = nil
        if isTailed {
            endTimer = LoopTimer(after: .milliseconds(milliseconds + 1)) { [weak self] in self?.look() }
        } else {
            leftOut += events.count
            events = []
        }
    }

    // MARK: Telling

    func add(_ event: JobEvent) {
        let isPlain = event.outcome == .leased || event.outcome == .completed
        guard events.count < (isPlain ? Self.waitingMax / 2 : Self.waitingMax) else {
            leftOut += 1
            return
        }
        events.append(event)
        armFlush()
    }

    private func armFlush() {
        guard flushTimer == nil, !isSending, !events.isEmpty else { return }
        flushTimer = LoopTimer(after: Self.pause) { [weak self] in
            guard let self else { return }
            flushTimer = nil
            isSending = true
            Task { [context] in
                await self.flush(context)
                self.isSending = false
                self.armFlush()
            }
        }
    }

    private func flush(_ context: QueueContext) async {
        let piece = events.prefix(Self.pieceMax)
        guard !piece.isEmpty else { return }
        events.removeFirst(piece.count)
        let arguments: [RedisArgument] =
            [
                RedisArgument(Self.entriesMax), .integer(Self.keptFor.milliseconds), .string(context.workerName),
                RedisArgument(sent), RedisArgument(leftOut),
            ] + piece.map { .bytes($0.encoded) }
        // Before the call: another one may begin while this one is on its way.
        sent += piece.count
        let after = sent
        do throws(QueueError) {
            let answer = try await context.run(QueueScript.feedAdd, keys: keys, arguments)
            note(askedFor: answer.integer ?? -1)
        } catch {
            // Where another one went meanwhile, it has said that these went before, and who reads it misses them by that.
            if sent == after {
                sent -= piece.count
                leftOut += piece.count
            }
            context.log.debug("events of jobs were left out", ["job.count": .int(piece.count), "error": .error(error)])
        }
    }

    /// For what is no worker's: tells one event without knowing whether anybody asks for it.
    func tellOnce(_ event: JobEvent) async {
        events.append(event)
        await flush(context)
    }
}

// MARK: What the queue's parts tell

extension JobFeed {
    func noteLeased(_ batch: LeaseBatch, at now: Int64) {
        for job in batch.jobs {
            add(
                JobEvent(
                    at: EpochMilliseconds(rawValue: now), outcome: .leased, queue: job.queue, shard: job.shard,
                    id: job.id, kind: job.kind, run: job.attempt))
        }
    }

    func noteQuarantined(_ jobs: [StoredJob], at now: Int64) {
        for job in jobs {
            add(
                JobEvent(
                    at: EpochMilliseconds(rawValue: now), outcome: .quarantined, queue: job.queue, shard: job.shard,
                    id: job.id, kind: job.kind, run: job.attempt + 1,
                    message: job.failures.last.map { "its runs ended their workers, last \($0.message)" } ?? ""))
        }
    }

    /// - Parameter took: since the lease.
    func noteSettled(_ entry: SettleEntry, died: Bool, wasCancelled: Bool, at now: Int64, took: Duration?) {
        var event = JobEvent(
            at: EpochMilliseconds(rawValue: now), outcome: .completed, queue: entry.lease.queue,
            shard: entry.lease.shard, id: entry.id, kind: entry.kind, run: entry.run, took: took)
        switch entry.ending {
        case .complete: break
        case .retry(let delay, let error):
            event.outcome = died ? .dead : .retried
            event.again = died ? nil : .milliseconds(delay)
            event.message = error
        case .bury(let reason):
            event.outcome = .dead
            event.message = reason
        case .giveBack: event.outcome = .givenBack
        case .snooze(let delay):
            event.outcome = .snoozed
            event.again = .milliseconds(delay)
        case .expire: event.outcome = .expired
        case .cancel: event.outcome = .cancelled
        }
        if wasCancelled {
            event.outcome = .cancelled
            event.again = nil
        }
        add(event)
    }
}
