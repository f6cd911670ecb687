import Core
import EventLoop

/// The client of a Redis Cluster: a connection for each master, and calls that are led to whoever serves their slot.
///
/// What a node surely did not do (`MOVED`, `ASK`, `TRYAGAIN`, `CLUSTERDOWN`) is done again where it belongs, within bounds.
/// What may have happened is never repeated here: whoever called knows whether that is right.
@Loop
final class RedisCluster {
    typealias Endpoint = RedisConfiguration.Endpoint

    let configuration: RedisConfiguration
    let purpose: String
    private let map: ClusterMap
    /// Whether it holds a connection to every master; else to those that it was sent to.
    private let isEager: Bool
    private var connections: [Endpoint: RedisConnection] = [:]
    private let waiters = ReadyWaiters()
    private var isStarted = false
    private var isClosed = false
    private var lostWith: RedisError?
    private var random = SystemRandomNumberGenerator()
    private var scripts: [RedisScript] = []

    /// For how long a call is repeated while its slot is on its way, or the nodes do not agree on who serves it.
    private static let patience = Duration.seconds(2)
    /// What is in flight on the connection to a node that serves no slot any more has so long to be answered.
    private static let farewell = Duration.seconds(1)

    init(_ configuration: RedisConfiguration, seeds: [Endpoint], purpose: String, isEager: Bool) {
        self.configuration = configuration
        self.purpose = purpose
        self.isEager = isEager
        map = ClusterMap.of(configuration, seeds: seeds)
    }

    func start() {
        guard !isStarted, !isClosed else { return }
        isStarted = true
        map.observe(self) { [weak self] in self?.tableChanged() }
        if map.table == nil { map.refresh() } else { tableChanged() }
    }

    func close() {
        isClosed = true
        map.forget(ObjectIdentifier(self))
        let open = connections
        connections = [:]
        for connection in open.values { connection.close() }
        waiters.end(.failure(RedisError(.notConnected, "closed")))
    }

    isolated deinit { close() }

    func load(_ scripts: [RedisScript]) {
        self.scripts += scripts
        for connection in connections.values { connection.load(scripts) }
    }

    /// Whether the table is known and every master that should be connected is.
    var isReady: Bool {
        guard !isClosed, let table = map.table else { return false }
        return !isEager || table.masters.allSatisfy { connections[$0]?.isReady == true }
    }

    var lastFailure: RedisError? {
        if isReady { return nil }
        return connections.values.lazy.compactMap { $0.isReady ? nil : $0.lastFailure }.first ?? map.failure ?? lostWith
    }

    /// Of those that are connected.
    var masterRunIDs: Set<String> {
        Set((map.table?.masters ?? []).compactMap { connections[$0].flatMap { $0.isReady ? $0.serverRunID : nil } })
    }

    func waitUntilReady(within limit: Duration) async throws(RedisError) {
        if isReady { return }
        if isClosed { throw RedisError(.notConnected, "closed") }
        try await waiters.wait(within: limit) { [weak self] in self?.lastFailure }
    }

    /// What nobody serves stands alone.
    func groupedByNode(_ keys: [String]) -> [[Int]] {
        var groups: [[Int]] = []
        var places: [Endpoint: Int] = [:]
        for (index, key) in keys.enumerated() {
            guard let master = map.table?.master(of: HashSlot.of(key)) else {
                groups.append([index])
                continue
            }
            if let place = places[master] {
                groups[place].append(index)
            } else {
                places[master] = groups.count
                groups.append([index])
            }
        }
        return groups
    }

    // MARK: Calls

    /// Does a call where its key is served; of any master when it has none.
    ///
    /// - Parameter body: sends it, after an `ASKING` where the second argument says so; may be called again.
    func call(
        _ slot: Int?, _ body: @Loop (RedisConnection, Bool) async throws(RedisError) -> RedisValue
    ) async throws(RedisError) -> RedisValue {
        let giveUpAt = Loop.monotonicMilliseconds + Self.patience.milliseconds
        var asked: Endpoint?
        var redirections = 0
        var pauses = 0
        while true {
            let endpoint = try await endpoint(of: slot, asked)
            do throws(RedisError) {
                let connection = try await readyConnection(to: endpoint)
                return try await body(connection, asked != nil)
            } catch {
                asked = nil
                switch error.kind {
                case .moved(let redirection):
                    guard let next = redirection.endpoint(seenFrom: endpoint) else { throw error }
                    map.move(redirection.slot, to: next)
                case .ask(let redirection):
                    guard let next = redirection.endpoint(seenFrom: endpoint) else { throw error }
                    asked = next
                case .tryAgain, .clusterDown:
                    if error.kind == .clusterDown { map.refresh() }
                    redirections = -1
                    guard Loop.monotonicMilliseconds < giveUpAt, await pause(pauses) else { throw error }
                    pauses += 1
                case .connectionLost, .notConnected, .timeout:
                    lostWith = error
                    map.refresh()
                    throw error
                default: throw error
                }
                redirections += 1
                if redirections > RedisLimits.redirectionsMax { throw error }
            }
        }
    }

    /// One answer of each master, in no order.
    func callAll<Answer: Sendable>(
        _ body: @Loop (RedisConnection) async throws(RedisError) -> Answer
    ) async throws(RedisError) -> [Answer] {
        guard let table = map.table else { throw unknownTable }
        var answers: [Answer] = []
        for endpoint in table.masters { answers.append(try await body(try await readyConnection(to: endpoint))) }
        return answers
    }

    private func endpoint(of slot: Int?, _ asked: Endpoint?) async throws(RedisError) -> Endpoint {
        if let asked { return asked }
        if map.table == nil, isStarted, !isEager { try await waitUntilReady(within: configuration.connectTimeout) }
        guard let table = map.table else { throw unknownTable }
        guard let slot else {
            let ready = table.masters.first { connections[$0]?.isReady == true }
            guard let any = ready ?? table.masters.first else { throw unknownTable }
            return any
        }
        guard let master = table.master(of: slot) else {
            map.refresh()
            throw RedisError(.clusterDown, "no node serves slot \(slot)")
        }
        return master
    }

    private var unknownTable: RedisError {
        map.refresh()
        return map.failure ?? RedisError(.notConnected, "no node of the Cluster has answered yet")
    }

    /// A connection that has never been ready gets its time; one that was lost fails at once, as one to a single Redis does.
    private func readyConnection(to endpoint: Endpoint) async throws(RedisError) -> RedisConnection {
        guard isStarted, !isClosed else { throw RedisError(.notConnected, isClosed ? "closed" : "not started") }
        let connection = connection(to: endpoint)
        if !connection.isReady, connection.readyCount == 0 {
            try await connection.waitUntilReady(within: configuration.connectTimeout)
        }
        return connection
    }

    private func pause(_ pauses: Int) async -> Bool {
        let wait = Duration.milliseconds(Int64.random(in: 1...Int64(min(50, 2 << min(pauses, 5))), using: &random))
        do {
            try await Loop.sleep(for: wait)  // a slot on its way tells nobody when it has arrived
            return true
        } catch {
            // Cancelled: the caller's error is the call's.
            return false
        }
    }

    // MARK: Nodes

    private func connection(to endpoint: Endpoint) -> RedisConnection {
        if let connection = connections[endpoint] { return connection }
        let connection = RedisConnection(configuration.at(endpoint), purpose: purpose)
        connections[endpoint] = connection
        connection.onReadyChange = { [weak self] isReady in
            if !isReady { self?.map.refresh() }
            self?.tellWaiters()
        }
        connection.load(scripts)
        connection.start()
        return connection
    }

    private func tableChanged() {
        guard !isClosed, let table = map.table else { return }
        let masters = Set(table.masters)
        for (endpoint, connection) in connections where !masters.contains(endpoint) {
            connections[endpoint] = nil
            connection.onReadyChange = nil
            dismiss(connection)
        }
        if isEager { for endpoint in table.masters { _ = connection(to: endpoint) } }
        tellWaiters()
        // A failover tells nobody, and this client may be idle: ask until the lost node is back, or another in its place.
        if connections.values.contains(where: { !$0.isReady && $0.readyCount > 0 }) { map.refresh() }
    }

    /// Who serves no slot any more answers so, unless it stands still.
    private func dismiss(_ connection: RedisConnection) {
        if connection.inFlightCount == 0 { return connection.close() }
        _ = LoopTimer(after: Self.farewell) { connection.close() }
    }

    private func tellWaiters() {
        guard isReady else { return }
        waiters.end(.success(()))
    }
}
