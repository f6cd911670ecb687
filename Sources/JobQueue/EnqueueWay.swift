import EventLoop
import Redis

/// A connection and what is waited for on it; see ``ReplicatedEnqueues``.
struct EnqueueWay {
    let connection: RedisClient
    let demand: ReplicaDemand?

    @Loop func send(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument],
        completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void
    ) {
        guard let demand else {
            return connection.sendScript(script, keys: keys, arguments: arguments, completion: completion)
        }
        connection.sendScript(script, keys: keys, arguments: arguments, replicatedTo: demand, completion: completion)
    }
}
