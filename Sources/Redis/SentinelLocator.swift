import EventLoop

/// Asks the sentinels where a master is, for all connections of this process together: what one learns, all know.
///
/// Any sentinel that answers will do, the one that answered last first. Each second it is asked again: a connection whose
/// master has become another one's replica, or stands in silence, is told then and not when its own patience ends, which for
/// one that is blocked is half a minute. An answer of an earlier epoch than one that was heard is of a sentinel that was cut
/// off, and is passed over.
@Loop
final class SentinelLocator {
    typealias Endpoint = RedisConfiguration.Endpoint

    private struct Group: Hashable {
        let master: String
        let sentinels: [Endpoint]
    }

    private struct Weak {
        weak var locator: SentinelLocator?
    }

    private struct Observer {
        weak var owner: AnyObject?
        let tell: @Loop (Endpoint) -> Void
    }

    private static var shared: [Group: Weak] = [:]

    private let master: String
    private var sentinels: [Endpoint]
    private let base: RedisConfiguration
    private var connection: (endpoint: Endpoint, redis: RedisConnection)?
    private var waiting: [@Loop (Result<Endpoint, RedisError>) -> Void] = []
    private var observers: [ObjectIdentifier: Observer] = [:]
    private var isAsking = false
    private var epoch: Int64 = 0
    private var known: Endpoint?
    private var timer: LoopTimer?

    /// Between two looks at where the master is.
    static let lookEvery = Duration.seconds(1)
    /// How long one sentinel may take; then the next one is asked.
    private static let patience = Duration.milliseconds(500)

    /// The one of this process for these sentinels; it lives as long as somebody holds it.
    static func of(_ configuration: RedisConfiguration, master: String, sentinels: [Endpoint]) -> SentinelLocator {
        let group = Group(master: master, sentinels: sentinels)
        if let locator = shared[group]?.locator { return locator }
        let locator = SentinelLocator(configuration, master, sentinels)
        shared = shared.filter { $0.value.locator != nil }
        shared[group] = Weak(locator: locator)
        return locator
    }

    private init(_ configuration: RedisConfiguration, _ master: String, _ sentinels: [Endpoint]) {
        self.master = master
        self.sentinels = sentinels
        var base = configuration
        base.password = configuration.sentinelPassword
        base.database = 0
        base.connectTimeout = Self.patience
        base.replyTimeout = Self.patience
        self.base = base
        timer = LoopTimer(after: Self.lookEvery, repeating: true) { [weak self] in self?.ask() }
    }

    isolated deinit {
        timer?.cancel()
        connection?.redis.close()
    }

    /// Tells an owner, until it is gone, of each master that is another than the one before.
    func observe(_ owner: AnyObject, _ tell: @escaping @Loop (Endpoint) -> Void) {
        observers[ObjectIdentifier(owner)] = Observer(owner: owner, tell: tell)
    }

    func forget(_ owner: ObjectIdentifier) { observers[owner] = nil }

    /// Asks anew; those who ask meanwhile share the answer.
    func locate(_ completion: @escaping @Loop (Result<Endpoint, RedisError>) -> Void) {
        waiting.append(completion)
        ask()
    }

    /// The master that was named is none: another sentinel may know more.
    func distrust() {
        guard let connection else { return }
        putLast(connection.endpoint)
    }

    private func ask() {
        guard !isAsking else { return }
        isAsking = true
        Task { [weak self] in
            let result = await self?.askAll()
            guard let self, let result else { return }
            isAsking = false
            if case .success(let endpoint) = result, endpoint != known {
                known = endpoint
                for observer in observers.values where observer.owner != nil { observer.tell(endpoint) }
            }
            let waiting = waiting
            self.waiting = []
            for completion in waiting { completion(result) }
        }
    }

    private func askAll() async -> Result<Endpoint, RedisError> {
        var last = RedisError(.notConnected, "no sentinel answers")
        for sentinel in sentinels {
            do throws(RedisError) {
                return .success(try await ask(sentinel))
            } catch {
                last = RedisError(.notConnected, "sentinel \(sentinel): \(error.message)")
                putLast(sentinel)
            }
        }
        return .failure(last)
    }

    private func ask(_ sentinel: Endpoint) async throws(RedisError) -> Endpoint {
        let redis = connected(to: sentinel)
        try await redis.waitUntilReady(within: Self.patience)
        let about = try await redis.command(["SENTINEL", "MASTER", .string(master)])
        // Says the new one already while the replicas are still being told, other than the answer before.
        let address = try await redis.command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", .string(master)])
        guard let host = address[0]?.string, let port = address[1]?.integer,
            let endpoint = sentinel.neighbour(host: host, port: Int(port))
        else { throw RedisError(.other, "it knows no address of the master \(master)") }
        let epoch = Self.epoch(of: about)
        guard epoch >= self.epoch else { throw RedisError(.other, "it was cut off: its epoch is \(epoch)") }
        self.epoch = epoch
        return endpoint
    }

    private func connected(to sentinel: Endpoint) -> RedisConnection {
        if let connection, connection.endpoint == sentinel { return connection.redis }
        connection?.redis.close()
        let redis = RedisConnection(base.at(sentinel), purpose: "sentinel")
        connection = (sentinel, redis)
        redis.start()
        return redis
    }

    private func putLast(_ sentinel: Endpoint) {
        connection?.redis.close()
        connection = nil
        guard let place = sentinels.firstIndex(of: sentinel) else { return }
        sentinels.append(sentinels.remove(at: place))
    }

    /// From the names and values in turn of `SENTINEL MASTER`.
    private static func epoch(of answer: RedisValue) -> Int64 {
        let words = answer.array ?? []
        guard let name = words.firstIndex(where: { $0.string == "config-epoch" }), name + 1 < words.count else {
            return 0
        }
        return words[name + 1].integer ?? 0
    }
}
