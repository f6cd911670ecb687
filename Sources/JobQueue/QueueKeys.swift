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
    private let keys: [[[String]]]
    private let guardKeys: [[[String]]]

    init(prefix: String, shardCount: Int) {
        func keys(_ suffixes: [String]) -> [[[String]]] {
            (0..<shardCount).map { shard in
                QueueName.allCases.map { queue in suffixes.map { "\(prefix):{\(shard)}:\(queue.rawValue):\($0)" } }
            }
        }
        self.keys = keys(Self.suffixes)
        guardKeys = keys(Self.suffixes + Self.guardSuffixes)
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

    func wake(_ queue: QueueName, shard: Int) -> String { keys[shard][queue.ordinal][10] }
}
