/// What a source knows of each shard: whether something may be ready there, and when to look again. Pure.
import Core

struct ShardBoard {
    private struct Shard {
        /// Something may be ready.
        var isHot = false
        /// Suspects wait for a worker that holds nothing.
        var hasSuspects = false
        var checkAtMilliseconds: Int64?
    }

    private var shards: [Shard]
    private var next = 0
    private var suspectCount = 0

    init(shardCount: Int) { shards = Array(repeating: Shard(), count: shardCount) }

    var hasSuspects: Bool { suspectCount > 0 }

    var suspectShards: [Int] { shards.indices.filter { shards[$0].hasSuspects } }

    /// Whether ``takeNext()`` would find a shard.
    var hasWork: Bool { hasSuspects || shards.contains { $0.isHot } }

    /// On the loop's monotonic clock; `nil` when nothing is scheduled or leased anywhere.
    var earliestCheck: Int64? { shards.lazy.compactMap(\.checkAtMilliseconds).min() }

    mutating func heat(_ shard: Int) { shards[shard].isHot = true }

    mutating func heatAll() { for shard in shards.indices { shards[shard].isHot = true } }

    /// The shard to ask next, in turn so that none starves; while suspects wait only those with some. `nil` when none is
    /// worth it. It is cold from here until its answer is noted.
    mutating func takeNext() -> Int? {
        for step in 0..<shards.count {
            let shard = (next + step) % shards.count
            guard hasSuspects ? shards[shard].hasSuspects : shards[shard].isHot else { continue }
            next = (shard + 1) % shards.count
            shards[shard].isHot = false
            return shard
        }
        return nil
    }

    /// Takes in what a script said of a shard.
    mutating func note(_ answer: LeaseAnswer, shard: Int, now: Int64) {
        shards[shard].isHot = answer.readyLeft > 0 && !answer.isPaused
        let hasSuspects = answer.suspectsLeft > 0 && !answer.isPaused
        suspectCount += (hasSuspects ? 1 : 0) - (shards[shard].hasSuspects ? 1 : 0)
        shards[shard].hasSuspects = hasSuspects
        shards[shard].checkAtMilliseconds = answer.nextCheck.map { now + $0.milliseconds }
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
