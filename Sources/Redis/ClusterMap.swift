import Core
import EventLoop

/// Where the slots of a Cluster are, for all clients of this process together: what one learns, all know.
///
/// It is asked for anew when a call is led on, or a node is lost: of one node after the other, each time beginning with
/// another, since one that was cut off from the others knows the former times only. Asking again and again, while a failover
/// is under way, is spread over a growing time.
@Loop
final class ClusterMap {
    typealias Endpoint = RedisConfiguration.Endpoint

    private struct Weak {
        weak var map: ClusterMap?
    }

    private struct Observer {
        weak var owner: AnyObject?
        let tell: @Loop () -> Void
    }

    private static var shared: [[Endpoint]: Weak] = [:]

    /// Nil until a node has answered for the first time.
    private(set) var table: SlotTable?
    /// Why nobody answered the last time; nil once somebody has.
    private(set) var failure: RedisError?
    private let configuration: RedisConfiguration
    private let seeds: [Endpoint]
    private var epoch: Int64 = 0
    private var observers: [ObjectIdentifier: Observer] = [:]
    private var timer: LoopTimer?
    private var isAsking = false
    private var lastAskedAt = Int64.min / 2
    private var reconnect: RedisReconnect
    private var random = SystemRandomNumberGenerator()

    /// How long one node may take; then the next one is asked.
    private static let patience = Duration.milliseconds(500)
    /// After so long without being asked for, the waits between two questions are short again.
    private static let calmMilliseconds: Int64 = 5000

    /// The one of this process for a Cluster; it lives as long as somebody holds it.
    static func of(_ configuration: RedisConfiguration, seeds: [Endpoint]) -> ClusterMap {
        if let map = shared[seeds]?.map { return map }
        let map = ClusterMap(configuration, seeds)
        shared = shared.filter { $0.value.map != nil }
        shared[seeds] = Weak(map: map)
        return map
    }

    private init(_ configuration: RedisConfiguration, _ seeds: [Endpoint]) {
        var configuration = configuration
        configuration.connectTimeout = Self.patience
        configuration.replyTimeout = Self.patience
        self.configuration = configuration
        self.seeds = seeds
        reconnect = RedisReconnect(baseMilliseconds: 20, maxMilliseconds: 1000)
    }

    isolated deinit { timer?.cancel() }

    /// Tells an owner, until it is gone, of each change.
    func observe(_ owner: AnyObject, _ tell: @escaping @Loop () -> Void) {
        observers[ObjectIdentifier(owner)] = Observer(owner: owner, tell: tell)
    }

    func forget(_ owner: ObjectIdentifier) { observers[owner] = nil }

    /// A node said that another one serves a slot: so it does, and more may have changed.
    func move(_ slot: Int, to endpoint: Endpoint) {
        if table != nil, table?.master(of: slot) != endpoint {
            table?.move(slot, to: endpoint)
            tellObservers()
        }
        refresh()
    }

    /// Asks for the table soon, unless that is under way.
    func refresh() {
        guard timer == nil, !isAsking else { return }
        let now = Loop.monotonicMilliseconds
        if now - lastAskedAt > Self.calmMilliseconds { reconnect.ended(afterServing: .max) }
        let wait = table == nil && reconnect.attempt == 0 ? 0 : reconnect.nextWait(using: &random)
        if reconnect.attempt == 0 { _ = reconnect.nextWait(using: &random) }
        timer = LoopTimer(after: .milliseconds(wait)) { [weak self] in
            guard let self else { return }
            timer = nil
            isAsking = true
            lastAskedAt = Loop.monotonicMilliseconds
            Task { [weak self] in await self?.ask() }
        }
    }

    private func tellObservers() {
        for observer in observers.values where observer.owner != nil { observer.tell() }
    }

    private func ask() async {
        let known = (table?.masters ?? []) + (table?.replicas ?? [])
        let nodes = known.shuffled() + seeds.filter { !known.contains($0) }.shuffled()
        for node in nodes {
            do throws(RedisError) {
                table = try await ask(node)
                failure = nil
                isAsking = false
                return tellObservers()
            } catch {
                failure = RedisError(.notConnected, "Cluster node \(node): \(error.message)")
            }
        }
        isAsking = false
        // Without any table nobody else would ask again.
        if table == nil { refresh() }
        tellObservers()
    }

    private func ask(_ node: Endpoint) async throws(RedisError) -> SlotTable {
        let redis = RedisConnection(configuration.at(node), purpose: "cluster")
        defer { redis.close() }
        redis.start()
        try await redis.waitUntilReady(within: Self.patience)
        let about = try await redis.command(["CLUSTER", "INFO"]).string ?? ""
        let epoch = Self.number("cluster_current_epoch", in: about)
        guard epoch >= self.epoch else { throw RedisError(.clusterDown, "it was cut off: its epoch is \(epoch)") }
        guard let table = SlotTable(try await redis.command(["CLUSTER", "SLOTS"]), seenFrom: node) else {
            throw RedisError(.clusterDown, "it knows of no node that serves a slot")
        }
        self.epoch = epoch
        return table
    }

    private static func number(_ name: String, in text: String) -> Int64 {
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        return line.flatMap { Int64($0.dropFirst(name.utf8.count + 1)) } ?? 0
    }
}
