/// What a source knows of each shard: whether something may be ready there, and when to look again. Pure.
import Core

struct ShardBoard {
    private struct Shard {
        /// Something may be ready.
        var isHot = false
        /// Suspects wait for a worker that holds nothing.
        var hasSuspects = false
        var checkAtMilliseconds: Int64?
        /// As the last answer said.
        var readyLeft = 0
    }

    private var shards: [Shard]
    private var next = 0
    private var suspectCount = 0

    init(shardCount: Int) { shards = Array(repeating: Shard(), count: shardCount) }

    var hasSuspects: Bool { suspectCount > 0 }

    var suspectShards: [Int] { shards.indices.filter { shards[$0].hasSuspects } }

    /// Whether ``takeGroup(max:)`` would find a shard.
    var hasWork: Bool { hasSuspects || shards.contains { $0.isHot } }

    /// On the loop's monotonic clock; `nil` when nothing is scheduled or leased anywhere.
    var earliestCheck: Int64? { shards.lazy.compactMap(\.checkAtMilliseconds).min() }

    mutating func heat(_ shard: Int) { shards[shard].isHot = true }

    mutating func heatAll() { for shard in shards.indices { shards[shard].isHot = true } }

    /// The shards to lease from at once, in turn so that none starves: all in which something may be ready, up to `max`. One
    /// that has `max` jobs stands alone, and so does, while suspects wait, one with some. Empty when none is worth it. Each
    /// is cold from here until its answer is noted.
    mutating func takeGroup(max: Int) -> [Int] {
        var group: [Int] = []
        var firstLeftOut: Int?
        for step in 0..<shards.count where group.count < max {
            let shard = (next + step) % shards.count
            guard hasSuspects ? shards[shard].hasSuspects : shards[shard].isHot else { continue }
            let standsAlone = hasSuspects || shards[shard].readyLeft >= max
            if standsAlone, !group.isEmpty {
                firstLeftOut = firstLeftOut ?? shard
                continue
            }
            shards[shard].isHot = false
            group.append(shard)
            if standsAlone { break }
        }
        if let last = group.last { next = firstLeftOut ?? (last + 1) % shards.count }
        return group
    }

    /// Takes in what a script said of a shard.
    mutating func note(_ answer: LeaseAnswer, shard: Int, now: Int64) {
        shards[shard].isHot = answer.readyLeft > 0 && !answer.isPaused
        shards[shard].readyLeft = answer.readyLeft
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
