/// What a source knows of each shard: whether something may be ready there, and when to look again. Pure.
import Core

struct ShardBoard {
    private struct Shard {
        /// Something may be ready.
        var isHot = false
        /// Suspects wait for a worker that holds nothing.
        var hasSuspects = false
        var checkAtMilliseconds: Int64?
        /// When it was last taken by ``takeNext(now:)``.
        var askedAtMilliseconds: Int64 = 0
    }

    /// How long a shard goes unasked at most while others have work.
    ///
    /// Markers are popped only by a source that has nothing to do: under steady load a shard that once ran empty would
    /// otherwise wait until all others are empty too.
    static let unaskedMillisecondsMax: Int64 = 20

    private var shards: [Shard]
    private var next = 0
    private var suspectCount = 0

    init(shardCount: Int) { shards = Array(repeating: Shard(), count: shardCount) }

    var hasSuspects: Bool { suspectCount > 0 }

    var suspectShards: [Int] { shards.indices.filter { shards[$0].hasSuspects } }

    /// Whether ``takeNext(now:)`` would find a shard.
    var hasWork: Bool { hasSuspects || shards.contains { $0.isHot } }

    /// On the loop's monotonic clock; `nil` when nothing is scheduled or leased anywhere.
    var earliestCheck: Int64? { shards.lazy.compactMap(\.checkAtMilliseconds).min() }

    mutating func heat(_ shard: Int) { shards[shard].isHot = true }

    mutating func heatAll() { for shard in shards.indices { shards[shard].isHot = true } }

    /// The shard to ask next, in turn so that none starves; while suspects wait only those with some. `nil` when none is
    /// worth it. It is cold from here until its answer is noted.
    ///
    /// - Parameter now: of the loop's monotonic clock.
    mutating func takeNext(now: Int64) -> Int? {
        guard hasWork else { return nil }
        for step in 0..<shards.count {
            let shard = (next + step) % shards.count
            guard isWorthAsking(shards[shard], now: now) else { continue }
            next = (shard + 1) % shards.count
            shards[shard].isHot = false
            shards[shard].askedAtMilliseconds = now
            return shard
        }
        return nil
    }

    private func isWorthAsking(_ shard: Shard, now: Int64) -> Bool {
        if hasSuspects { return shard.hasSuspects }
        return shard.isHot || now - shard.askedAtMilliseconds >= Self.unaskedMillisecondsMax
    }

    /// Takes in what a script said of a shard.
    mutating func note(_ answer: LeaseAnswer, shard: Int, now: Int64) {
        shards[shard].isHot = answer.readyLeft > 0 && !answer.isPaused
        let hasSuspects = answer.suspectsLeft > 0 && !answer.isPaused
        suspectCount += (hasSuspects ? 1 : 0) - (shards[shard].hasSuspects ? 1 : 0)
        shards[shard].hasSuspects = hasSuspects
        shards[shard].checkAtMilliseconds = answer.nextCheck.map { now + $0.milliseconds }
    }

    /// Takes in what a look at all shards said of one that rests; what a marker said of it meanwhile stays.
    mutating func note(nextCheck: Duration?, shard: Int, now: Int64) {
        shards[shard].checkAtMilliseconds = nextCheck.map { now + $0.milliseconds }
        if shards[shard].hasSuspects { suspectCount -= 1 }
        shards[shard].hasSuspects = false
    }

    /// Takes in what another script said of when to look again; what was known of an earlier moment stays.
    mutating func noteCheck(in wait: Duration, shard: Int, now: Int64) {
        let at = now + wait.milliseconds
        shards[shard].checkAtMilliseconds = min(at, shards[shard].checkAtMilliseconds ?? at)
    }

    /// The shards whose time has come; their check is taken off, since the look at them sets it anew.
    mutating func takeDue(now: Int64) -> [Int] {
        shards.indices.filter { shard in
            guard let at = shards[shard].checkAtMilliseconds, at <= now else { return false }
            shards[shard].checkAtMilliseconds = nil
            return true
        }
    }
}
