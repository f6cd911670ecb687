import Core
package import EventLoop
package import Postgres
package import Redis
import Telemetry

/// The directory in this process's memory, kept up to date behind the requests' backs.
///
/// Each second the pointer in Redis is looked at, and a new version loaded whole. Every two seconds PostgreSQL is asked who
/// was revoked since, so that a revoked key stops even where nobody published. A directory that is missing, or older than
/// ``Options/republishAfter``, is published anew by the ingest itself.
@Loop
package final class IngestDirectory {
    package struct Options: Sendable {
        /// How often the pointer is looked at.
        package var poll = Duration.seconds(1)
        /// How often PostgreSQL is asked who was revoked.
        package var revocations = Duration.seconds(2)
        /// The age from which on it is published again.
        package var republishAfter = Duration.seconds(60)
        /// Whether this process publishes a directory that is missing or old.
        package var publishes = true

        package init() {}
    }

    /// What counts; nil before the first one was loaded.
    package private(set) var current: Directory?
    /// Its version in Redis.
    package private(set) var version: Int64 = 0
    /// Names it does not know.
    package let misses: DirectoryMisses
    /// Read along with the pointer.
    package let clock: RedisClock

    private let redis: RedisClient
    private let pool: PostgresPool
    private let prefix: String
    private let keys: DirectoryKeys
    private let options: Options
    private let log = Log(component: "directory")
    private let loads = Counter("ingest_directory_loads_total", "Versions of the directory loaded.").series()
    private let failures = Counter(
        "ingest_directory_failures_total", "Looks at the directory that failed, by what was asked.",
        labels: ["store"])
    private var timers: [LoopTimer] = []
    private var isRefreshing = false
    private var isChecking = false
    private var isPublishing = false
    private var revokedKeys: Set<[UInt8]> = []
    private var revokedHooks: Set<String> = []
    private var usedKeys: Set<UUID> = []

    /// - Parameters:
    ///   - redis: shared with nothing that blocks.
    ///   - pool: asked for misses and revocations, never on the way of a request that is known.
    package init(
        redis: RedisClient, pool: PostgresPool, prefix: String, clock: RedisClock = RedisClock(),
        options: Options = Options()
    ) {
        self.redis = redis
        self.pool = pool
        self.prefix = prefix
        self.clock = clock
        self.options = options
        keys = DirectoryKeys(prefix: prefix)
        misses = DirectoryMisses(pool: pool)
    }

    package func start() {
        timers = [
            LoopTimer(after: options.poll, repeating: true) { [weak self] in self?.inBackground { await $0.refresh() }
            },
            LoopTimer(after: options.revocations, repeating: true) { [weak self] in
                self?.inBackground { await $0.checkRevocations() }
            },
        ]
        inBackground { await $0.refresh() }
    }

    package func stop() {
        for timer in timers { timer.cancel() }
        timers = []
    }

    /// Notes that a key was used; written to PostgreSQL with the next question about revocations.
    func noteUse(of key: Directory.APIKey) { usedKeys.insert(key.id) }

    private func inBackground(_ action: @escaping @Loop (IngestDirectory) async -> Void) {
        Task { @Loop [weak self] in if let self { await action(self) } }
    }

    // MARK: Redis

    /// Looks at the pointer and the clock, and loads what is new. Tests call it instead of waiting for the timer.
    package func refresh() async {
        guard !isRefreshing else { return }
        isRefreshing = true
        defer { isRefreshing = false }
        do {
            try await clock.read(redis)
            let pointer = try await redis.command(["GET", .string(keys.pointer)]).bytes.flatMap(DirectoryPointer.init)
            if let pointer, pointer.version != version { try await load(pointer) }
            let age = pointer.map { clock.now.since($0.readAt) }
            if options.publishes, age == nil || age! > options.republishAfter { inBackground { await $0.publish() } }
        } catch {
            failures.add(1, ["redis"])
            log.warning("the directory cannot be read", ["error": .error(error)])
        }
    }

    private func load(_ pointer: DirectoryPointer) async throws(RedisError) {
        var loaded = Directory()
        for number in 0..<pointer.chunks {
            let answer = try await redis.command(["GET", .string(keys.chunk(number, of: pointer.version))])
            guard let bytes = answer.bytes, let chunk = DirectoryChunk(bytes) else {
                // Swapped away while it was read, or another release's: the next look decides.
                log.warning("a part of the directory is missing", ["directory.version": .integer(pointer.version)])
                return
            }
            chunk.add(to: &loaded)
        }
        // Who was revoked while it was being published may still stand in it.
        for hash in revokedKeys { loaded.remove(keyHash: hash) }
        for source in revokedHooks { loaded.remove(hook: source) }
        current = loaded
        version = pointer.version
        loads.add()
        misses.forget()
        log.info(
            "the directory is loaded",
            [
                "directory.version": .integer(version), "directory.keys": .int(loaded.keys.count),
                "directory.partners": .int(loaded.partnerCount), "directory.hooks": .int(loaded.hooks.count),
            ])
    }

    // MARK: PostgreSQL

    /// Drops who was revoked since the directory was read, and writes which keys were used.
    package func checkRevocations() async {
        guard !isChecking, current != nil else { return }
        isChecking = true
        defer { isChecking = false }
        // A little earlier than the reading: a transaction commits some time after its clock said so.
        let since = DirectoryPointer(version: version, chunks: 0).readAt - .seconds(60)
        do {
            var (hashes, sources): (Set<[UInt8]>, Set<String>) = ([], [])
            for row in try await pool.query(DirectoryStatements.revoked, [.timestamp(since)]) {
                if let hash = try row.optionalBytes(0) { hashes.insert(hash) }
                if let source = try row.optionalText(1) { sources.insert(source) }
            }
            for hash in hashes {
                current?.remove(keyHash: hash)
                misses.forget(.key(hash))
            }
            for source in sources {
                current?.remove(hook: source)
                misses.forget(.hook(source))
            }
            (revokedKeys, revokedHooks) = (hashes, sources)
            let used = usedKeys
            usedKeys = []
            if !used.isEmpty { _ = try await pool.query(DirectoryStatements.usedKeys, [.uuids(Array(used))]) }
        } catch {
            failures.add(1, ["postgres"])
            log.warning("revocations cannot be read", ["error": .error(error)])
        }
    }

    private func publish() async {
        guard !isPublishing else { return }
        isPublishing = true
        defer { isPublishing = false }
        do {
            try await DirectoryPublisher.publish(pool, redis, prefix: prefix)
            await refresh()
        } catch {
            failures.add(1, ["publish"])
            log.warning("the directory cannot be published", ["error": .error(error)])
        }
    }
}
