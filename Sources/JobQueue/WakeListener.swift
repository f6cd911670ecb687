import EventLoop
import Redis
import Telemetry

/// Waits for a queue's markers, on a connection of its own that it blocks.
///
/// It pops at most one marker each time it is asked to, so that a busy worker does not take those of idle ones. In a Redis
/// Cluster one pop cannot wait for keys of several slots: there each shard has a listener and a connection of its own.
@Loop
final class WakeListener {
    private let connection: RedisClient
    private let keys: [RedisArgument]
    private let shardOfKey: [String: Int]
    private let onWake: @Loop (Int) -> Void
    private let onCall: @Loop () -> Void
    private let onLoss: @Loop () -> Void
    private let log = Log(component: "queue")
    private var failures = 0
    private(set) var isListening = false
    /// One for each shard of a Cluster; none otherwise.
    private var listeners: [WakeListener] = []

    /// Seconds that one blocking pop lasts; then it is asked again.
    static let blockSeconds: Int64 = 30

    /// - Parameters:
    ///   - onWake: called with the shard of a marker that was popped.
    ///   - onCall: called when somebody ended the wait early (`CLIENT UNBLOCK`), as one who begins to tail does.
    ///   - onLoss: called when the connection was lost, a marker perhaps with it.
    convenience init(
        connection: RedisClient, keys: QueueKeys, shardCount: Int, queue: QueueName,
        onWake: @escaping @Loop (Int) -> Void, onCall: @escaping @Loop () -> Void = {},
        onLoss: @escaping @Loop () -> Void
    ) {
        let wakeLists = (0..<shardCount).map { keys.wake(queue, shard: $0) }
        self.init(
            connection: connection, shardOfKey: Dictionary(uniqueKeysWithValues: wakeLists.enumerated().map { ($1, $0) }),
            onWake: onWake, onCall: onCall, onLoss: onLoss)
        guard connection.isCluster else { return }
        listeners = wakeLists.enumerated().map { shard, key in
            WakeListener(
                connection: connection.another(purpose: "\(connection.purpose)-\(shard)"), shardOfKey: [key: shard],
                onWake: onWake, onCall: onCall, onLoss: onLoss)
        }
    }

    private init(
        connection: RedisClient, shardOfKey: [String: Int], onWake: @escaping @Loop (Int) -> Void,
        onCall: @escaping @Loop () -> Void, onLoss: @escaping @Loop () -> Void
    ) {
        self.connection = connection
        self.onWake = onWake
        self.onCall = onCall
        self.onLoss = onLoss
        keys = shardOfKey.keys.sorted().map { .string($0) }
        self.shardOfKey = shardOfKey
    }

    /// Asks for a marker, unless it does so already.
    func listen() {
        for listener in listeners { listener.listen() }
        guard listeners.isEmpty, !isListening else { return }
        isListening = true
        Task {
            let outcome = await pop()
            isListening = false
            switch outcome {
            case .marker(let shard): onWake(shard)
            case .nothing: onWake(-1)
            case .lost: onLoss()
            }
        }
    }

    private enum Outcome { case marker(Int), nothing, lost }

    private func pop() async -> Outcome {
        do throws(RedisError) {
            if !connection.isReady { try await connection.waitUntilReady(within: .seconds(Self.blockSeconds)) }
            let begin = Loop.monotonicMilliseconds
            let answer = try await connection.command(
                ["BLPOP"] + keys + [.integer(Self.blockSeconds)],
                replyTimeout: .seconds(Self.blockSeconds) + connection.configuration.replyTimeout)
            failures = 0
            guard let key = answer[0]?.string, let shard = shardOfKey[key] else {
                // Redis ends its own waits a little late rather than early.
                if Loop.monotonicMilliseconds - begin < Self.blockSeconds * 1000 - 100 { onCall() }
                return .nothing
            }
            return .marker(shard)
        } catch {
            failures += 1
            if failures == 1 { log.warning("waiting for work was interrupted", ["error": .error(error)]) }
            let ceiling = min(2000, 25 << min(failures, 7))
            // Not cancelled by anyone: this task belongs to no other.
            try? await Loop.sleep(for: .milliseconds(Int64.random(in: 1...Int64(ceiling))))
            return .lost
        }
    }
}
