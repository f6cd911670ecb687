import Core
import EventLoop
import JobQueue

/// One queue as it is at a moment, and how fast it moved before.
struct QueueDepth {
    let name: QueueName
    let stats: QueueStats
    /// Jobs the configuration lets it have; `nil` for no limit.
    let lengthMax: Int?
    /// On the loop's monotonic clock.
    let atMilliseconds: Int64
    /// Since an earlier look.
    var rates: QueueRates?

    var sum: QueueStats.Counts { stats.sum }
    /// Jobs that a worker may take now, those that are to run alone too.
    var ready: Int { sum.ready + sum.suspects }
    /// Waiting and running, as the limit counts them.
    var length: Int { ready + sum.scheduled + sum.leased + sum.heldBack }

    /// Looks at queues at once: a script call for each of their shards, which costs Redis some 10 µs.
    @Loop static func readAll(
        _ queue: JobQueue, _ names: [QueueName] = QueueName.allCases
    ) async throws -> [QueueDepth] {
        let looks = names.map { name in Task { try await read(name, queue) } }
        var depths: [QueueDepth] = []
        for look in looks { depths.append(try await look.value) }
        return depths
    }

    @Loop private static func read(_ name: QueueName, _ queue: JobQueue) async throws -> QueueDepth {
        QueueDepth(
            name: name, stats: try await queue.stats(name), lengthMax: queue.configuration.lengthMax[name],
            atMilliseconds: Loop.monotonicMilliseconds)
    }

    /// With the rates since an earlier look at the same queue.
    func since(_ before: QueueDepth) -> QueueDepth {
        var depth = self
        depth.rates = QueueRates(from: before, to: self)
        return depth
    }

    /// What an operator should know of it beside its numbers.
    var notes: [String] {
        var notes: [String] = stats.isPaused ? ["paused"] : []
        if let lengthMax {
            notes.append(length >= lengthMax ? "full: at most \(lengthMax.grouped)" : "at most \(lengthMax.grouped)")
        }
        if sum.expiredTotal > 0 { notes.append("\(sum.expiredTotal.grouped) expired") }
        if sum.heldBack > 0 { notes.append("\(sum.heldBack.grouped) held back by their order keys") }
        if sum.suspects > 0 { notes.append("\(sum.suspects) of the ready wait to run alone") }
        return notes
    }

    var json: JSON {
        var members: [(String, JSON)] = [
            ("queue", .string(name.rawValue)), ("ready", JSON(integer: ready)),
            ("alone", JSON(integer: sum.suspects)), ("heldBack", JSON(integer: sum.heldBack)),
            ("scheduled", JSON(integer: sum.scheduled)),
            ("leased", JSON(integer: sum.leased)), ("dead", JSON(integer: sum.dead)),
            ("paused", .bool(stats.isPaused)), ("lengthMax", lengthMax.map { JSON(integer: $0) } ?? .null),
            ("oldestReadyMs", sum.oldestReadyAge.map { JSON(integer: $0.milliseconds) } ?? .null),
            ("completedTotal", JSON(integer: sum.completedTotal)), ("failedTotal", JSON(integer: sum.failedTotal)),
            ("diedTotal", JSON(integer: sum.diedTotal)), ("expiredTotal", JSON(integer: sum.expiredTotal)),
            ("cancelledTotal", JSON(integer: sum.cancelledTotal)),
            ("kept", JSON(integer: sum.kept)),
        ]
        if let rates {
            members += [
                ("enqueuedPerSecond", QueueRates.json(rates.enqueued)),
                ("completedPerSecond", QueueRates.json(rates.completed)),
                ("failedPerSecond", QueueRates.json(rates.failed)),
            ]
        }
        return .object(JSONObject(members))
    }
}

/// Jobs a second between two looks, in tenths.
///
/// Redis counts what ends. What was enqueued follows from it: the jobs there are more now, and those that went. A dead letter
/// that was deleted meanwhile is missing in it.
struct QueueRates: Hashable {
    let enqueued: Int64
    let completed: Int64
    let failed: Int64

    init(from before: QueueDepth, to after: QueueDepth) {
        let milliseconds = max(1, after.atMilliseconds - before.atMilliseconds)
        func rate(_ count: Int) -> Int64 { (Int64(max(0, count)) * 10_000 + milliseconds / 2) / milliseconds }
        func gone(_ counts: QueueStats.Counts) -> Int {
            counts.completedTotal + counts.expiredTotal + counts.cancelledTotal
        }
        completed = rate(after.sum.completedTotal - before.sum.completedTotal)
        failed = rate(after.sum.failedTotal - before.sum.failedTotal)
        enqueued = rate(
            after.length + after.sum.dead + gone(after.sum) - before.length - before.sum.dead - gone(before.sum))
    }

    static func shown(_ tenths: Int64) -> String { "\((tenths / 10).grouped).\(tenths % 10)" }

    static func json(_ tenths: Int64) -> JSON {
        JSONNumber(shown(tenths).replacing(",", with: "")).map(JSON.number) ?? .null
    }
}
