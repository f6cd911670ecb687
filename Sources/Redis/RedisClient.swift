package import EventLoop

/// A process's way to Redis, be that one server, the master that sentinels name, or a Cluster.
///
/// With one server or sentinels it is one connection, and each call is passed straight on. In a Cluster a call goes to the
/// node that serves its key; the keys of one call must be in one slot, which a hash tag sees to.
///
/// A blocking command (`BLPOP`) holds up every command behind it: give it a client of its own, in a Cluster one for each slot
/// (``another(purpose:)``).
@Loop
package final class RedisClient {
    package let configuration: RedisConfiguration
    /// What this client is for; part of its connections' names in `CLIENT LIST`.
    package let purpose: String

    private let single: RedisConnection?
    private let cluster: RedisCluster?
    private var others: [RedisClient] = []

    /// Does nothing until ``start()``.
    package convenience init(_ configuration: RedisConfiguration, purpose: String) {
        self.init(configuration, purpose: purpose, isEager: true)
    }

    private init(_ configuration: RedisConfiguration, purpose: String, isEager: Bool) {
        self.configuration = configuration
        self.purpose = purpose
        if case .cluster(let seeds) = configuration.topology {
            cluster = RedisCluster(configuration, seeds: seeds, purpose: purpose, isEager: isEager)
            single = nil
        } else {
            single = RedisConnection(configuration, purpose: purpose)
            cluster = nil
        }
    }

    /// Connects, and reconnects until ``close()``. A second call does nothing.
    package func start() {
        single?.start()
        cluster?.start()
        for other in others { other.start() }
    }

    /// Ends it for good, and those that were made from it.
    package func close() {
        for other in others { other.close() }
        single?.close()
        cluster?.close()
    }

    isolated deinit { close() }

    /// Has each connection load these before it serves anything: scripts whose calls of one turn must keep their order. A call
    /// of another script that Redis does not know is sent again, behind what was sent after it.
    package func load(_ scripts: [RedisScript]) {
        single?.load(scripts)
        cluster?.load(scripts)
    }

    package var isCluster: Bool { cluster != nil }

    /// Whether commands are served now; in a Cluster, by all of its masters.
    package var isReady: Bool { single?.isReady ?? cluster?.isReady ?? false }

    /// Why commands are not served; nil while all is well.
    package var lastFailure: RedisError? { single?.lastFailure ?? cluster?.lastFailure }

    /// The id of the run of the Redis that was last connected; of a Cluster none, since each node has its own.
    package var serverRunID: String? { single?.serverRunID }

    /// The ids of the runs of all masters that this client is connected to.
    package var masterRunIDs: Set<String> {
        cluster?.masterRunIDs ?? Set([single?.serverRunID].compactMap { $0 })
    }

    /// Returns once commands are served.
    /// - Throws: the last failure, or one of kind `notConnected`, when that takes longer than `limit` or it is closed.
    package func waitUntilReady(within limit: Duration) async throws(RedisError) {
        if let single { return try await single.waitUntilReady(within: limit) }
        if let cluster { return try await cluster.waitUntilReady(within: limit) }
    }

    /// A client of the same Redis with connections of its own, started and closed with this one. In a Cluster it connects to
    /// a node when it is first sent there.
    package func another(purpose: String) -> RedisClient {
        let other = RedisClient(configuration, purpose: purpose, isEager: false)
        others.append(other)
        other.start()
        return other
    }

    /// The places of these keys, grouped by the node that serves them now; of a single Redis all are one group.
    package func groupedByNode(_ keys: [String]) -> [[Int]] {
        guard let cluster else { return keys.isEmpty ? [] : [Array(keys.indices)] }
        return cluster.groupedByNode(keys)
    }

    // MARK: Calls

    /// Sends one command and waits for its reply. Cancelling the task does not take it back.
    ///
    /// - Parameters:
    ///   - arguments: the command's name first.
    ///   - keyAt: the place of its key among them, by which a Cluster's node is found; a command without keys may go to any.
    ///   - replyTimeout: how long Redis may be silent over it; for a blocking command more than the time it may block.
    /// - Throws: ``RedisError``: at once when there is no connection, else what Redis refused or how the connection ended.
    package func command(
        _ arguments: [RedisArgument], keyAt: Int = 1, replyTimeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        if let single { return try await single.command(arguments, replyTimeout: replyTimeout) }
        guard let cluster else { throw RedisError(.notConnected, "closed") }
        let slot = arguments.indices.contains(keyAt) ? Self.slot(of: arguments[keyAt]) : nil
        return try await cluster.call(slot) { connection, isAsking throws(RedisError) in
            try await connection.command(arguments, isAsking: isAsking, replyTimeout: replyTimeout)
        }
    }

    /// Sends a command to every master and gives their answers: one of a single Redis.
    package func commandToAll(_ arguments: [RedisArgument]) async throws(RedisError) -> [RedisValue] {
        try await onEachMaster { connection throws(RedisError) in try await connection.command(arguments) }
    }

    /// Does something with the connection to each master, one after the other, and gives the results.
    package func onEachMaster<Result: Sendable>(
        _ body: @Loop (RedisConnection) async throws(RedisError) -> Result
    ) async throws(RedisError) -> [Result] {
        if let single { return [try await body(single)] }
        guard let cluster else { throw RedisError(.notConnected, "closed") }
        return try await cluster.callAll(body)
    }

    /// Runs a script by its digest; when Redis does not know it, once more by its source.
    package func evaluate(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], replyTimeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        if let single {
            return try await single.evaluate(script, keys: keys, arguments: arguments, replyTimeout: replyTimeout)
        }
        guard let cluster else { throw RedisError(.notConnected, "closed") }
        return try await cluster.call(keys.first.map { HashSlot.of($0) }) { connection, isAsking throws(RedisError) in
            try await connection.evaluate(
                script, keys: keys, arguments: arguments, isAsking: isAsking, replyTimeout: replyTimeout)
        }
    }

    /// The same as ``evaluate(_:keys:arguments:replyTimeout:)`` without a task. `completion` is called exactly once, never
    /// before this returns.
    package func sendScript(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], replyTimeout: Duration? = nil,
        completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void
    ) {
        if let single {
            return single.sendScript(
                script, keys: keys, arguments: arguments, replyTimeout: replyTimeout, completion: completion)
        }
        Task { @Loop [self] in
            do throws(RedisError) {
                completion(
                    .success(
                        try await evaluate(script, keys: keys, arguments: arguments, replyTimeout: replyTimeout)))
            } catch {
                completion(.failure(error))
            }
        }
    }

    /// Runs a script and answers once so many replicas have what it wrote, or not in time: then the error is
    /// ``RedisError/Kind/unreplicated``, and the call may be repeated whole. The calls of one turn share one `WAIT`.
    ///
    /// To be used on a client that carries nothing else, since whatever comes after it waits as long.
    package func sendScript(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], replicatedTo demand: ReplicaDemand,
        completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void
    ) {
        if let single {
            return single.sendScript(
                script, keys: keys, arguments: arguments, replicatedTo: demand, completion: completion)
        }
        Task { @Loop [self] in
            do throws(RedisError) {
                guard let cluster else { throw RedisError(.notConnected, "closed") }
                let slot = keys.first.map { HashSlot.of($0) }
                let value = try await cluster.call(slot) { connection, isAsking throws(RedisError) in
                    let result = await withCheckedContinuation { continuation in
                        connection.sendScript(
                            script, keys: keys, arguments: arguments, isAsking: isAsking, replicatedTo: demand
                        ) { continuation.resume(returning: $0) }
                    }
                    return try result.get()
                }
                completion(.success(value))
            } catch {
                completion(.failure(error))
            }
        }
    }

    private static func slot(of argument: RedisArgument) -> Int? {
        switch argument {
        case .string(let key): HashSlot.of(key)
        case .bytes(let key): key.withUnsafeBytes { HashSlot.of($0) }
        case .integer, .runID: nil
        }
    }
}
