import EventLoop
import Redis
import Telemetry

/// Waits for a queue's markers, on a connection of its own that it blocks.
///
/// It pops at most one marker each time it is asked to, so that a busy worker does not take those of idle ones.
@Loop
final class WakeListener {
    private let connection: RedisConnection
    private let keys: [RedisArgument]
    private let shardOfKey: [String: Int]
    private let onWake: @Loop (Int) -> Void
    private let onLoss: @Loop () -> Void
    private let log = Log(component: "queue")
    private var failures = 0
    private(set) var isListening = false

    /// Seconds that one blocking pop lasts; then it is asked again.
    static let blockSeconds: Int64 = 30

    /// - Parameters:
    ///   - onWake: called with the shard of a marker that was popped.
    ///   - onLoss: called when the connection was lost, a marker perhaps with it.
    init(
        connection: RedisConnection, keys: QueueKeys, shardCount: Int, queue: QueueName,
        onWake: @escaping @Loop (Int) -> Void, onLoss: @escaping @Loop () -> Void
    ) {
        self.connection = connection
        self.onWake = onWake
        self.onLoss = onLoss
        let names = (0..<shardCount).map { keys.wake(queue, shard: $0) }
        self.keys = names.map { .string($0) }
        shardOfKey = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    }

    /// Asks for a marker, unless it does so already.
    func listen() {
        guard !isListening else { return }
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
            let answer = try await connection.command(
                ["BLPOP"] + keys + [.integer(Self.blockSeconds)],
                replyTimeout: .seconds(Self.blockSeconds) + connection.configuration.replyTimeout)
            failures = 0
            guard let key = answer[0]?.string, let shard = shardOfKey[key] else { return .nothing }
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
