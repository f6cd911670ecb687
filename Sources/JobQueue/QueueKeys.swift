/// The 11 keys of each queue in each shard, made once. Their meaning stands in `library/common.lua`.
///
/// All keys of a shard carry its number as the hash tag, so that they live in one slot of a Redis Cluster.
struct QueueKeys {
    private static let suffixes = [
        "jobs", "ready", "alone", "scheduled", "leases", "expiries", "dead", "done0", "done1", "meta", "wake",
    ]
    private let keys: [[[String]]]

    init(prefix: String, shardCount: Int) {
        keys = (0..<shardCount).map { shard in
            QueueName.allCases.map { queue in
                Self.suffixes.map { "\(prefix):{\(shard)}:\(queue.rawValue):\($0)" }
            }
        }
    }

    /// In the scripts' order.
    func of(_ queue: QueueName, shard: Int) -> [String] { keys[shard][queue.ordinal] }

    func wake(_ queue: QueueName, shard: Int) -> String { keys[shard][queue.ordinal][10] }
}
