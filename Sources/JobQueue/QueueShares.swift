import Core
import EventLoop
import Redis
import Telemetry

/// This process's parts in the limits of queues as a whole.
///
/// A queue without limits costs it nothing: a look at all shards, which is made anyway, says that there are some. Then places
/// and starts are asked for when there is something to lease, told anew each second while there are some, and given back
/// when there is no use for them.
@Loop
final class QueueShares {
    private let context: QueueContext
    private let held: HeldLeases
    /// The process's name in the limits.
    private let processName: String
    private var shares: [QueueShare]
    private var timers: [LoopTimer?]
    private var observers: [@Loop () -> Void] = []
    /// Whether any queue is known to have limits.
    private(set) var isLimited = false

    /// Places and starts are kept for so long after the last use, since work often goes on at once.
    private static let pauseMilliseconds: Int64 = 10

    init(context: QueueContext, held: HeldLeases) {
        self.context = context
        self.held = held
        let letters = String(UInt32.random(in: .min ... .max), radix: 16)
        processName = "\(context.workerName)#\(letters)"
        shares = QueueName.allCases.map { _ in QueueShare(leaseMilliseconds: context.leaseMilliseconds) }
        timers = shares.map { _ in nil }
        held.observeReleases { [weak self] in
            guard let self, isLimited else { return }
            for queue in QueueName.allCases { rearm(queue) }
        }
    }

    /// Called when more may be leased than before.
    func observe(_ observer: @escaping @Loop () -> Void) { observers.append(observer) }

    /// Takes in what a look at a queue said.
    func noteLook(isLimited: Bool, of queue: QueueName) {
        let isNew = shares[queue.ordinal].noteLook(isLimited: isLimited)
        noteLimits()
        if isNew { return tell() }
        // Somebody has to find those that are gone, and to say that time passes.
        if isLimited, shares[queue.ordinal].isSilent(now: Loop.monotonicMilliseconds) { ask(queue) }
    }

    /// Takes in that places may have become free. True when they may be asked for.
    func recall(_ queue: QueueName) -> Bool { shares[queue.ordinal].recall(now: Loop.monotonicMilliseconds) }

    /// Whether up to `wanted` jobs of the queue may be leased; asks the script where that is not known.
    func allow(_ queue: QueueName, wanted: Int) -> QueueShare.Allowance {
        let now = Loop.monotonicMilliseconds
        let allowance = shares[queue.ordinal].allow(
            wanted, held: isLimited ? held.jobCount(of: queue) : 0, runID: context.connection.serverRunID, now: now)
        guard allowance == .ask else { return allowance }
        ask(queue)
        return .wait(until: .max)
    }

    /// Says how many jobs could be leased if they might; 0 when there is nothing to lease or nobody to take it.
    func setDemand(_ demand: Int, of queue: QueueName) {
        guard shares[queue.ordinal].demand != demand else { return }
        shares[queue.ordinal].demand = demand
        if isLimited { rearm(queue) }
    }

    /// A lease of that many goes out.
    func begin(_ queue: QueueName, _ count: Int) -> QueueShare.Grant { shares[queue.ordinal].begin(count) }

    /// It was answered.
    func end(_ queue: QueueName, _ grant: QueueShare.Grant, got: Int, inDoubt: Int) {
        shares[queue.ordinal].end(grant, got: got, inDoubt: inDoubt, now: Loop.monotonicMilliseconds)
        if isLimited { rearm(queue) }
    }

    private func noteLimits() { isLimited = shares.contains { $0.isLimited } }

    private func tell() {
        for observer in observers { observer() }
    }

    // MARK: Asking

    private func ask(_ queue: QueueName) {
        let place = queue.ordinal
        guard !shares[place].isAsking else { return }
        let askedAt = Loop.monotonicMilliseconds
        let question = shares[place].question(held: held.jobCount(of: queue), now: askedAt)
        Task {
            do throws(QueueError) {
                let runID = context.connection.serverRunID
                let answer = try await send(question, queue)
                shares[place].take(
                    answer, askedAt: askedAt, now: Loop.monotonicMilliseconds, held: held.jobCount(of: queue),
                    runID: runID)
            } catch {
                context.log.warning(
                    "a part of a queue's limits could not be asked for",
                    ["queue.name": .string(queue.rawValue), "error": .error(error)])
                shares[place].fail(now: Loop.monotonicMilliseconds, wait: Int64.random(in: 20...500))
            }
            noteLimits()
            rearm(queue)
            tell()
        }
    }

    private func send(
        _ question: QueueShare.Question, _ queue: QueueName
    ) async throws(QueueError) -> QueueShare.Answer {
        let answer = try await context.run(
            QueueScript.share, keys: context.keys.ofLimits(queue),
            [
                .runID, .integer(context.leaseMilliseconds), .string(processName),
                RedisArgument(context.configuration.weight), RedisArgument(question.held),
                RedisArgument(question.wanted), RedisArgument(question.starts), RedisArgument(question.back),
                .string(question.stamp), .integer(question.timeMicroseconds),
            ])
        guard let parts = answer.array, parts.count == 8, let isLimited = parts[0].integer,
            let places = parts[1].integer, let recorded = parts[2].integer, let starts = parts[3].integer,
            let stamp = parts[4].string, let time = parts[5].integer, let startsWait = parts[6].integer,
            let holdWait = parts[7].integer
        else { throw .unexpected(QueueScript.share) }
        return QueueShare.Answer(
            isLimited: isLimited == 1, places: places < 0 ? nil : Int(places), recorded: Int(recorded),
            starts: stamp.isEmpty ? nil : Int(starts), stamp: stamp, timeMicroseconds: time, startsWait: startsWait,
            holdWait: holdWait)
    }

    // MARK: Telling anew

    /// One timer: soon when something is to be given back, else when it is time to say anew what this process has.
    private func rearm(_ queue: QueueName) {
        let place = queue.ordinal
        let now = Loop.monotonicMilliseconds
        let wait: Int64
        if shares[place].hasToGiveBack(held: held.jobCount(of: queue), now: now) {
            wait = Self.pauseMilliseconds
        } else if shares[place].hasPlaces {
            wait = shares[place].renewalMilliseconds
        } else {
            timers[place]?.cancel()
            timers[place] = nil
            isGivingBack[place] = false
            return
        }
        let isGivingBack = wait == Self.pauseMilliseconds
        if timers[place] != nil, self.isGivingBack[place] == isGivingBack { return }
        timers[place]?.cancel()
        self.isGivingBack[place] = isGivingBack
        timers[place] = LoopTimer(after: .milliseconds(wait)) { [weak self] in
            self?.timers[place] = nil
            self?.ask(queue)
        }
    }

    /// For what each timer is set.
    private var isGivingBack = QueueName.allCases.map { _ in false }

    /// Gives back what this process has of a queue, when it leases no more of it.
    func leave(_ queue: QueueName) {
        setDemand(0, of: queue)
        guard isLimited else { return }
        let now = Loop.monotonicMilliseconds
        if shares[queue.ordinal].hasToGiveBack(held: held.jobCount(of: queue), now: now) { ask(queue) }
    }
}
