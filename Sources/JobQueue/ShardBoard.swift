/// What a source knows of each shard: whether something may be ready there, and when to look again. Pure.
import Core

struct ShardBoard {
    private struct Shard {
        /// Something may be ready.
        var isHot = false
        /// Suspects wait for a worker that holds nothing.
        var hasSuspects = false
        var checkAtMilliseconds: Int64?
        /// As the last answer or look said.
        var readyLeft = 0
    }

    /// What is asked of one shard.
    struct Share {
        let shard: Int
        var jobs: Int
    }

    /// Beyond it, more calls cost more than a larger batch saves.
    static let groupMax = 8

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

    mutating func heat(_ shard: Int, ready: Int) {
        shards[shard].isHot = true
        shards[shard].readyLeft = ready
    }

    mutating func heatAll() { for shard in shards.indices { shards[shard].isHot = true } }

    /// The shards to lease from at once and how many jobs of each, in turn so that none starves: as many as fill a batch of
    /// `max`, as far as is known. While suspects wait it is one shard with some. Empty when none is worth it. Each is cold
    /// from here until its answer is noted.
    mutating func takeGroup(max: Int) -> [Share] {
        var group: [Share] = []
        var room = max
        var firstLeftOut: Int?
        for step in 0..<shards.count where room > 0 && group.count < Self.groupMax {
            let shard = (next + step) % shards.count
            guard hasSuspects ? shards[shard].hasSuspects : shards[shard].isHot else { continue }
            let jobs = min(Swift.max(1, shards[shard].readyLeft), max)
            if jobs > room {
                firstLeftOut = firstLeftOut ?? shard
                continue
            }
            shards[shard].isHot = false
            group.append(Share(shard: shard, jobs: jobs))
            room -= jobs
            if hasSuspects { break }
        }
        guard let last = group.last else { return [] }
        next = firstLeftOut ?? (last.shard + 1) % shards.count
        // More may have come meanwhile.
        for index in group.indices { group[index].jobs += room / group.count }
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
