import Core
import EventLoop
import Redis

/// One call of `settle`, resumed when Redis has answered for all of its jobs.
@Loop
final class SettleCall {
    var settlement = Settlement()
    var error: QueueError?
    var continuation: CheckedContinuation<Void, Never>?
    private var missing: Int

    init(count: Int) { missing = count }

    var isAnswered: Bool { missing == 0 }

    func answer() {
        missing -= 1
        if missing == 0 { continuation?.resume() }
    }
}

/// The end of one attempt on its way to Redis.
struct SettleEntry {
    enum Ending {
        case complete
        case retry(Int64, String)
        case bury(String)
        case giveBack
        case snooze(Int64)
        case expire
        case cancel

        var verdict: QueueMetrics.Verdict {
            switch self {
            case .complete: .complete
            case .retry: .retry
            case .bury: .bury
            case .giveBack: .giveBack
            case .snooze: .snooze
            case .expire: .expire
            case .cancel: .cancel
            }
        }
    }

    let call: SettleCall
    let id: String
    let lease: Lease
    let digest: UInt64
    var ending: Ending
    /// Whether the end of the job changes more than its record.
    var hasBelongings = false
    /// For who tails; empty and 0 while nobody does.
    var kind = ""
    var run = 0
    /// Follow-ups that the acknowledgement itself carries.
    var nearFollowUps: [NewJob] = []
    /// Follow-ups of other shards.
    var farFollowUps: [NewJob] = []

    /// Whether it is one of those that Redis ends all at once.
    var isPlain: Bool {
        if case .complete = ending { !hasBelongings } else { false }
    }
}

/// The arguments of one settle script, grouped by lease as it wants them; all entries are of one queue and shard.
struct SettleRequest {
    let entries: [SettleEntry]
    let queue: QueueName
    private(set) var followUpQueues: [QueueName] = []
    private(set) var keys: [String]
    private(set) var arguments: [RedisArgument]
    /// Indices of entries by group, in the order of the arguments.
    private var groups: [[Int]] = []

    @Loop
    init(_ entries: [SettleEntry], context: QueueContext) {
        let configuration = context.configuration
        self.entries = entries
        queue = entries[0].lease.queue
        let remembers = queue.remembersCompletedJobs
        keys = context.keys.of(queue, shard: entries[0].lease.shard)
        var groupOfLease: [Lease: Int] = [:]
        for (index, entry) in entries.enumerated() {
            // Entries of one lease mostly follow each other.
            if let last = groups.last?.first, entries[last].lease == entry.lease {
                groups[groups.count - 1].append(index)
            } else if let group = groupOfLease[entry.lease] {
                groups[group].append(index)
            } else {
                groupOfLease[entry.lease] = groups.count
                groups.append([index])
            }
        }
        arguments = [
            remembers ? "1" : "0", .integer(configuration.rememberedAge.milliseconds),
            RedisArgument(configuration.rememberedCount), configuration.faults.contains(.skipDigestCheck) ? "1" : "0",
            .integer(configuration.keptCompleted[queue]?.age.milliseconds ?? 0),
            RedisArgument(configuration.keptMaxOfShard(queue)),
            RedisArgument(groups.count),
        ]
        arguments.reserveCapacity(10 + groups.count * 4 + entries.count * 2)
        for group in groups { append(group, remembers: remembers) }
        for target in QueueName.allCases { appendFollowUps(to: target, context) }
    }

    /// The entry the script means by the number of a group (from 1) and an id.
    func entryIndex(group: Int, id: String) -> Int? {
        guard groups.indices.contains(group - 1) else { return nil }
        return groups[group - 1].first { entries[$0].id == id }
    }

    private mutating func append(_ group: [Int], remembers: Bool) {
        let lease = entries[group[0]].lease
        var completed = 0
        for index in group where entries[index].isPlain { completed += 1 }
        arguments.append(.integer(lease.fence))
        arguments.append(.string(Lease.text(ofToken: lease.token)))
        arguments.append(RedisArgument(completed))
        arguments.append(RedisArgument(group.count - completed))
        for index in group where entries[index].isPlain { arguments.append(.string(entries[index].id)) }
        if remembers {
            for index in group where entries[index].isPlain {
                arguments.append(.bytes(JobRecord.bytes(ofDigest: entries[index].digest)))
            }
        }
        guard completed < group.count else { return }
        for index in group {
            let entry = entries[index]
            switch entry.ending {
            case .complete:
                if entry.hasBelongings { append(entry.id, "c", 0, "") }
            case .retry(let delay, let error): append(entry.id, "r", delay, error)
            case .bury(let reason): append(entry.id, "b", 0, reason)
            case .giveBack: append(entry.id, "g", 0, "")
            case .snooze(let delay): append(entry.id, "s", delay, "")
            case .expire: append(entry.id, "e", 0, "")
            case .cancel: append(entry.id, "x", 0, "")
            }
        }
    }

    private mutating func append(_ id: String, _ verdict: String, _ delay: Int64, _ message: String) {
        arguments.append(.string(id))
        arguments.append(.string(verdict))
        arguments.append(.integer(delay))
        arguments.append(.bytes(message.utf8Prefix(QueueLimits.failureBytesMax)))
    }

    @Loop
    private mutating func appendFollowUps(to target: QueueName, _ context: QueueContext) {
        var count = 0
        var uses = JobUses()
        for entry in entries {
            for job in entry.nearFollowUps where job.queue == target {
                count += 1
                uses.formUnion(job.uses)
            }
        }
        guard count > 0 else { return }
        followUpQueues.append(target)
        keys += context.keys.of(target, shard: entries[0].lease.shard)
        arguments.append(RedisArgument(count))
        arguments.append(uses.options(of: target))
        for entry in entries {
            for job in entry.nearFollowUps where job.queue == target {
                arguments.append(.string(job.id))
                arguments.append(.integer(job.delay.milliseconds))
                arguments.append(.bytes(JobRecord.body(of: job)))
                arguments.append(.string(entry.id))
            }
        }
    }
}

extension String {
    /// Its first bytes, cut between letters.
    func utf8Prefix(_ count: Int) -> [UInt8] {
        let bytes = Array(utf8)
        if bytes.count <= count { return bytes }
        var end = count
        while end > 0, bytes[end] & 0b1100_0000 == 0b1000_0000 { end -= 1 }
        return Array(bytes[..<end])
    }
}
