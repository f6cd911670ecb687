import EventLoop
import Redis
import Telemetry

/// Waits for the markers of queues, on a connection of its own that it blocks.
///
/// It pops at most one marker each time it is asked to, so that a busy worker does not take those of idle ones. In a Redis
/// Cluster one pop cannot wait for keys of several slots: there each shard has a listener and a connection of its own.
@Loop
final class WakeListener {
    /// Where something is ready.
    struct Marker: Equatable {
        /// The queue's place among those that are listened for.
        let queue: Int
        let shard: Int
    }

    private let connection: RedisClient
    private let keys: [RedisArgument]
    private let markerOfKey: [String: Marker]
    private let onWake: @Loop (Marker?) -> Void
    private let onCall: @Loop () -> Void
    private let onLoss: @Loop () -> Void
    private let log = Log(component: "queue")
    private var failures = 0
    private var isListening = false
    /// One for each shard of a Cluster; none otherwise.
    private var listeners: [WakeListener] = []

    /// Seconds that one blocking pop lasts; then it is asked again.
    static let blockSeconds: Int64 = 30

    /// - Parameters:
    ///   - queues: those of the first are popped first.
    ///   - onWake: called with a marker that was popped, and with `nil` when none came for a while.
    ///   - onCall: called when somebody ended the wait early (`CLIENT UNBLOCK`), as one who begins to tail does.
    ///   - onLoss: called when the connection was lost, a marker perhaps with it.
    convenience init(
        connection: RedisClient, keys: QueueKeys, shardCount: Int, queues: [QueueName],
        onWake: @escaping @Loop (Marker?) -> Void, onCall: @escaping @Loop () -> Void = {},
        onLoss: @escaping @Loop () -> Void
    ) {
        let markers = queues.indices.flatMap { queue in
            (0..<shardCount).map { shard in
                (key: keys.wake(queues[queue], shard: shard), marker: Marker(queue: queue, shard: shard))
            }
        }
        self.init(
            connection: connection, markers: markers, onWake: onWake, onCall: onCall, onLoss: onLoss)
        guard connection.isCluster else { return }
        listeners = (0..<shardCount).map { shard in
            WakeListener(
                connection: connection.another(purpose: "\(connection.purpose)-\(shard)"),
                markers: markers.filter { $0.marker.shard == shard }, onWake: onWake, onCall: onCall,
                onLoss: onLoss)
        }
    }

    private init(
        connection: RedisClient, markers: [(key: String, marker: Marker)],
        onWake: @escaping @Loop (Marker?) -> Void,
        onCall: @escaping @Loop () -> Void, onLoss: @escaping @Loop () -> Void
    ) {
        self.connection = connection
        self.onWake = onWake
        self.onCall = onCall
        self.onLoss = onLoss
        keys = markers.map { .string($0.key) }
        markerOfKey = Dictionary(uniqueKeysWithValues: markers)
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
            case .marker(let marker): onWake(marker)
            case .nothing: onWake(nil)
            case .lost: onLoss()
            }
        }
    }

    private enum Outcome {
        case marker(Marker)
        case nothing, lost
    }

    private func pop() async -> Outcome {
        do throws(RedisError) {
            if !connection.isReady {
                try await connection.waitUntilReady(within: .seconds(Self.blockSeconds))
            }
            let begin = Loop.monotonicMilliseconds
            let answer = try await connection.command(
                ["BLPOP"] + keys + [.integer(Self.blockSeconds)],
                replyTimeout: .seconds(Self.blockSeconds) + connection.configuration.replyTimeout)
            failures = 0
            guard let key = answer[0]?.string, let marker = markerOfKey[key] else {
                // Redis ends its own waits a little late rather than early.
                if Loop.monotonicMilliseconds - begin < Self.blockSeconds * 1000 - 100 { onCall() }
                return .nothing
            }
            return .marker(marker)
        } catch {
            failures += 1
            if failures == 1 { log.warning("waiting for work was interrupted", ["error": .error(error)]) }
            let wait = Duration.milliseconds(Int64.random(in: 1...Int64(min(2000, 25 << min(failures, 7)))))
            try? await Loop.sleep(for: wait)  // the backoff; nobody cancels this task
            return .lost
        }
    }
}
