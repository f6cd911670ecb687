/// How a queue is laid out and timed. All processes of an installation must agree on it, but for ``workerName`` and
/// ``weight``.
package struct JobQueueConfiguration: Hashable, Sendable {
    /// First part of every key: 1 to 40 of `[A-Za-z0-9_.-]`. Default `tributary`.
    package var prefix = "tributary"
    /// Number of shards, fixed when the installation is made and compared at each start: 1 to 256. Default 16.
    package var shardCount = 16
    /// How long a lease lasts without a heartbeat, in Redis' time: 20 ms to 1 h. Default 15 s.
    package var lease = Duration.seconds(15)
    /// Crashes after which a job is quarantined: 1 to 100. Default 3.
    package var crashesMax = 3
    /// The largest payload that is taken, in bytes: 1 to 16 MiB. Default 256 KiB.
    package var payloadBytesMax = 262_144
    /// How long completed ids are remembered at least, where a queue does: default 12 h. They may live twice as long.
    package var rememberedAge = Duration.seconds(43_200)
    /// How many completed ids a queue of a shard remembers at least before the older half goes: default 100,000.
    ///
    /// An entry costs Redis some 100 bytes; twice this number may stand in each of ``shardCount`` shards.
    package var rememberedCount = 100_000
    /// How many jobs a queue may have, waiting and running, before producers are refused; no limit by default.
    ///
    /// Each shard gets its part, so that the limit holds within the evenness of shards. Follow-ups, retries and redrives are
    /// never refused.
    package var lengthMax: [QueueName: Int] = [:]
    /// Queues whose completed jobs stay for a time; none by default.
    package var keptCompleted: [QueueName: CompletedRetention] = [:]
    /// This process' part of the places of a limited queue beside others': 1 (the default) to 100. Each has its own.
    package var weight = 1
    /// How long a running job has to end after it was told of its cancellation: 0 to 1 h, default 10 s.
    package var cancelGrace = Duration.seconds(10)
    /// How long an acknowledgement is repeated over lost connections before it is given up. Default 60 s.
    package var settlePatience = Duration.seconds(60)
    /// Who leases, for operators: host and process id by convention. Other letters than `[A-Za-z0-9._:@-]` become `_`.
    package var workerName = ""
    /// Tests only: a random wait between these bounds before each acknowledgement; none otherwise.
    package var settleDelay: ClosedRange<Duration>?
    /// Deliberate faults of a test; none otherwise.
    package var faults: QueueFaults = []

    package init() {}

    /// The shard of a key: the same for every process and release. O(bytes)
    package func shard(of shardKey: String) -> Int {
        Int(JobDigest.hash(shardKey) % UInt64(shardCount))
    }

    /// What is wrong with it, each in a sentence for the operator; empty when it can be used.
    package func problems() -> [String] {
        var problems: [String] = []
        let letters = prefix.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == 95 || $0 == 46 || $0 == 45 }
        if !(1...40).contains(prefix.utf8.count) || !letters {
            problems.append("the queue's prefix must be 1 to 40 letters, digits, '_', '.' or '-'")
        }
        if !(1...256).contains(shardCount) { problems.append("the number of shards must be from 1 to 256") }
        if lease < .milliseconds(20) || lease > .seconds(3600) {
            problems.append("the lease must be from 20 ms to 1 h")
        }
        if !(1...100).contains(crashesMax) { problems.append("the crashes before quarantine must be from 1 to 100") }
        if !(1...16 << 20).contains(payloadBytesMax) {
            problems.append("the largest payload must be from 1 byte to 16 MiB")
        }
        if rememberedAge <= .zero || !(1...10_000_000).contains(rememberedCount) {
            problems.append("the memory of completed jobs must have an age and a number above zero")
        }
        if lengthMax.values.contains(where: { !(1...QueueLimits.lengthMax).contains($0) }) {
            problems.append("the length of a queue must be limited to 1 to \(QueueLimits.lengthMax) jobs")
        }
        problems += keptCompleted.values.compactMap(\.problem)
        if cancelGrace < .zero || cancelGrace > .seconds(3600) {
            problems.append("the grace of a cancellation must be from 0 to 1 h")
        }
        if !(1...QueueLimits.weightMax).contains(weight) {
            problems.append("the weight must be from 1 to \(QueueLimits.weightMax)")
        }
        return problems
    }

    /// A shard's part of the limit of a queue; 0 for none.
    func lengthMaxOfShard(_ queue: QueueName) -> Int {
        guard let max = lengthMax[queue] else { return 0 }
        return (max + shardCount - 1) / shardCount
    }

    /// How many completed jobs a shard of a queue keeps; 0 for none.
    func keptMaxOfShard(_ queue: QueueName) -> Int {
        guard let retention = keptCompleted[queue] else { return 0 }
        return (retention.count + shardCount - 1) / shardCount
    }

    /// The worker's name as it stands in a lease record: never empty, no spaces.
    var workerNameInRecords: String { Self.nameInRecords(workerName) }

    /// A worker's name as lease records have it.
    package static func nameInRecords(_ name: String) -> String {
        let allowed = name.utf8.prefix(QueueLimits.workerNameBytesMax).map { byte in
            byte.isASCIIAlphanumeric || [46, 95, 58, 64, 45].contains(byte) ? byte : 95
        }
        return allowed.isEmpty ? "unnamed" : String(decoding: allowed, as: UTF8.self)
    }
}

extension UInt8 {
    var isASCIIAlphanumeric: Bool {
        switch self {
        case 48...57, 65...90, 97...122: true
        default: false
        }
    }
}
