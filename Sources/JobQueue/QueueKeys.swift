/// The 22 keys of each queue in each shard, made once. Their meaning stands in `library/common.lua`.
///
/// All keys of a shard carry its number as the hash tag, so that they live in one slot of a Redis Cluster.
struct QueueKeys {
    private static let suffixes = [
        "jobs", "ready", "alone", "scheduled", "leases", "expiries", "dead", "done0", "done1", "meta", "wake",
        "urgent", "high", "low", "unique", "heads", "ordered", "kept", "rates",
        "batches", "members", "notes",
    ]
    private static let guardSuffixes = ["guards0", "guards1", "guards"]
    private let prefix: String
    private let keys: [[[String]]]
    private let guardKeys: [[[String]]]
    private let limitsKeys: [String]

    init(prefix: String, shardCount: Int) {
        func keys(_ suffixes: [String]) -> [[[String]]] {
            (0..<shardCount).map { shard in
                QueueName.allCases.map { queue in suffixes.map { "\(prefix):{\(shard)}:\(queue.rawValue):\($0)" } }
            }
        }
        self.prefix = prefix
        self.keys = keys(Self.suffixes)
        guardKeys = keys(Self.suffixes + Self.guardSuffixes)
        limitsKeys = QueueName.allCases.map { "\(prefix):{\($0.ordinal % shardCount)}:\($0.rawValue):limits" }
    }

    /// The first 11, which an enqueue of plain jobs needs.
    func ofPlainJobs(_ queue: QueueName, shard: Int) -> ArraySlice<String> {
        keys[shard][queue.ordinal].prefix(Self.plainCount)
    }

    static let plainCount = 11
    static var count: Int { suffixes.count }

    /// In the scripts' order.
    func of(_ queue: QueueName, shard: Int) -> [String] { keys[shard][queue.ordinal] }

    /// The same, then the 3 of its guards (`operations/enqueue_first.lua`), which exist where guards are used only.
    func withGuards(of queue: QueueName, shard: Int) -> [String] { guardKeys[shard][queue.ordinal] }

    /// Those that `operations/glance.lua` reads of a shard.
    func ofGlance(_ queue: QueueName, shard: Int) -> [String] {
        let own = keys[shard][queue.ordinal]
        return [own[9], own[5], own[1], own[2], own[11], own[12], own[13]]
    }

    /// One of a shard's keys, which all lie in one slot.
    func any(ofShard shard: Int) -> String { keys[shard][0][0] }

    /// The shard that holds what is said of a queue as a whole.
    func home(of queue: QueueName) -> Int { queue.ordinal % keys.count }

    /// The limits of a queue as a whole (`operations/share.lua`): a key of its own in the queue's home shard, which exists
    /// where there are some only.
    func limits(_ queue: QueueName) -> String { limitsKeys[queue.ordinal] }

    /// The same, and the list on which those who wait for places are called.
    func ofLimits(_ queue: QueueName) -> [String] { [limits(queue), wake(queue, shard: home(of: queue))] }

    /// The same, then the one of the schedules' slots (`operations/enqueue_slot.lua`), which exists where schedules enqueue jobs.
    func withSlots(of queue: QueueName, shard: Int) -> [String] {
        of(queue, shard: shard) + ["\(prefix):{\(shard)}:\(queue.rawValue):slots"]
    }

    func heads(_ queue: QueueName, shard: Int) -> String { keys[shard][queue.ordinal][15] }

    func wake(_ queue: QueueName, shard: Int) -> String { keys[shard][queue.ordinal][10] }
}
