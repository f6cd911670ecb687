import Core
import EventLoop

extension RedisConnection {
    /// Sends one command and waits for its reply. Cancelling the task does not take it back.
    ///
    /// - Parameters:
    ///   - arguments: the command's name first.
    ///   - isAsking: whether a node that is taking a Cluster's slot over was named by an `ASK`.
    ///   - replyTimeout: how long Redis may be silent over it; for a blocking command more than the time it may block.
    /// - Throws: ``RedisError``: at once when there is no connection, else what Redis refused or how the connection ended.
    package func command(
        _ arguments: [RedisArgument], isAsking: Bool = false, replyTimeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        Self.check(arguments)
        if isAsking { ask() }
        return try await reply(within: replyTimeout) { $0.encode(arguments) }
    }

    /// Runs a script by its digest; when Redis does not know it, once more by its source.
    ///
    /// Commands that were sent after it in the same turn then come before it.
    package func evaluate(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], isAsking: Bool = false,
        replyTimeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        do throws(RedisError) {
            if isAsking { ask() }
            return try await reply(within: replyTimeout) {
                $0.encode(script: script, bySource: false, keys: keys, arguments: arguments)
            }
        } catch {
            guard error.kind == .noScript else { throw error }
            if isAsking { ask() }
            return try await reply(within: replyTimeout) {
                $0.encode(script: script, bySource: true, keys: keys, arguments: arguments)
            }
        }
    }

    /// The same as ``command(_:replyTimeout:)`` without a task. `completion` is called exactly once, never before this
    /// returns.
    package func send(
        _ arguments: [RedisArgument], replyTimeout: Duration? = nil,
        completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void
    ) {
        Self.check(arguments)
        send(within: replyTimeout, completion) { $0.encode(arguments) }
    }

    /// The same as ``evaluate(_:keys:arguments:replyTimeout:)`` without a task. `completion` is called exactly once,
    /// never before this returns.
    package func sendScript(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], replyTimeout: Duration? = nil,
        completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void
    ) {
        let orBySource: @Loop (Result<RedisValue, RedisError>) -> Void = { [weak self] result in
            guard case .failure(let error) = result, error.kind == .noScript, let self else {
                return completion(result)
            }
            send(within: replyTimeout, completion) {
                $0.encode(script: script, bySource: true, keys: keys, arguments: arguments)
            }
        }
        send(within: replyTimeout, orBySource) {
            $0.encode(script: script, bySource: false, keys: keys, arguments: arguments)
        }
    }

    /// Lets the next command be taken for a slot that is on its way here. Its own failure is also the next command's.
    func ask() { send(within: nil, { _ in }) { $0.encode(["ASKING"]) } }

    private func reply(
        within limit: Duration?, encode: (CommandEncoder) -> Void
    ) async throws(RedisError) -> RedisValue {
        let result = await withCheckedContinuation { continuation in
            if let refusal = dispatch(to: .task(continuation), within: limit, encode: encode) {
                continuation.resume(returning: .failure(refusal))
            }
        }
        return try result.get()
    }

    func send(
        within limit: Duration?, _ completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void,
        encode: (CommandEncoder) -> Void
    ) {
        guard let refusal = dispatch(to: .closure(completion), within: limit, encode: encode) else { return }
        Loop.atTurnEnd { completion(.failure(refusal)) }
    }

    /// Commands that answer more or less than once would put every later reply on the wrong command.
    private static func check(_ arguments: [RedisArgument]) {
        precondition(!arguments.isEmpty, "a command has a name")
        guard case .string(let name) = arguments[0] else { return }
        switch name.utf8.count {
        case 7, 9...12:
            precondition(!unanswerable.contains(name.uppercased()), "\(name) is not for RedisConnection")
        default: break
        }
    }

    private static let unanswerable: Set<String> = [
        "MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
    ]
}
