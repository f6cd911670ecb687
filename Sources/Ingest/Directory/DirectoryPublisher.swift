import Core
package import EventLoop
package import Postgres
package import Redis
import Telemetry

/// Brings what PostgreSQL says of keys, partners and hooks into Redis, where every ingest reads it.
///
/// A version is written beside the former one and then swapped in whole. Publishers take turns by an advisory lock, and the
/// swap refuses a version that is older than the one that counts, so that the last reader of PostgreSQL wins.
@Loop
package enum DirectoryPublisher {
    /// What was published.
    package struct Report: Sendable {
        package let version: Int64
        package let keyCount: Int
        package let partnerCount: Int
        package let hookCount: Int
        /// False when a newer version counted by the time this one was ready.
        package let isCurrent: Bool
    }

    /// How long chunks stay that no pointer names: for readers that are in the middle of them.
    private static let formerChunksAge = Duration.seconds(60)
    /// Chunks that were written and never swapped in go by themselves.
    private static let unswappedChunksAge = Duration.seconds(600)

    /// Reads PostgreSQL and publishes. To be called after each change of a key, partner or hook.
    ///
    /// - Parameter prefix: what all keys in Redis begin with.
    /// - Throws: ``PostgresError`` or ``RedisError``; the former version counts then.
    @discardableResult
    package static func publish(
        _ pool: PostgresPool, _ redis: RedisClient, prefix: String
    ) async throws -> Report {
        let keys = DirectoryKeys(prefix: prefix)
        let report = try await pool.transaction { transaction in
            _ = try await transaction.execute(DirectoryStatements.lock)
            let former = try await redis.command(["GET", .string(keys.pointer)]).bytes.flatMap(DirectoryPointer.init)
            // Taken before anything is read: what changes afterwards belongs to a later version.
            let version = max(try await microseconds(redis), (former?.version ?? 0) + 1)
            var writer = ChunkWriter(redis: redis, keys: keys, version: version, age: unswappedChunksAge)
            try await readAll(transaction, &writer)
            let pointer = DirectoryPointer(version: version, chunks: try await writer.finish())
            let isCurrent = try await swap(redis, keys, former, pointer)
            return Report(
                version: version, keyCount: writer.keyCount, partnerCount: writer.partnerCount,
                hookCount: writer.hookCount, isCurrent: isCurrent)
        }
        Log(component: "directory").info(
            "the directory is published",
            [
                "directory.version": .integer(report.version), "directory.keys": .int(report.keyCount),
                "directory.partners": .int(report.partnerCount), "directory.hooks": .int(report.hookCount),
            ])
        return report
    }

    private static func readAll(_ transaction: PostgresTransaction, _ writer: inout ChunkWriter) async throws {
        for row in try await transaction.execute(DirectoryStatements.keys) {
            let entry = try Directory.APIKey.read(row)
            try await writer.add { $0.keys.append(entry) }
            writer.keyCount += 1
        }
        for row in try await transaction.execute(DirectoryStatements.hooks) {
            let hook = try Directory.HookSource(row)
            try await writer.add { $0.hooks.append(hook) }
            writer.hookCount += 1
        }
        var last = UUID(high: 0, low: 0)
        while true {
            let rows = try await transaction.execute(DirectoryStatements.partners, [.uuid(last)])
            for row in rows {
                let partner = try Directory.Partner(row)
                last = partner.id
                try await writer.add { $0.partners.append(partner) }
                writer.partnerCount += 1
            }
            if rows.count < DirectoryChunk.entriesMax { return }
        }
    }

    private static func microseconds(_ redis: RedisClient) async throws(RedisError) -> Int64 {
        let time = try await redis.command(["TIME"])
        guard let seconds = time[0]?.integer, let microseconds = time[1]?.integer else {
            throw RedisError(.other, "TIME gave no time")
        }
        return seconds * 1_000_000 + microseconds
    }

    private static func swap(
        _ redis: RedisClient, _ keys: DirectoryKeys, _ former: DirectoryPointer?, _ pointer: DirectoryPointer
    ) async throws(RedisError) -> Bool {
        for number in 0..<pointer.chunks {
            // From here on they live as long as the pointer names them.
            _ = try await redis.command(["PERSIST", .string(keys.chunk(number, of: pointer.version))])
        }
        let formerChunks = former.map { former in (0..<former.chunks).map { keys.chunk($0, of: former.version) } } ?? []
        let answer = try await redis.evaluate(
            IngestScript.swapDirectory, keys: [keys.pointer] + formerChunks,
            arguments: [
                .integer(pointer.version), .bytes(pointer.bytes), .integer(formerChunksAge.milliseconds),
            ])
        guard answer.integer == 1 else {
            for number in 0..<pointer.chunks {
                _ = try await redis.command(["UNLINK", .string(keys.chunk(number, of: pointer.version))])
            }
            return false
        }
        return true
    }

    /// Writes entries as chunks of a limited size.
    @Loop
    private struct ChunkWriter {
        let redis: RedisClient
        let keys: DirectoryKeys
        let version: Int64
        let age: Duration
        var keyCount = 0
        var partnerCount = 0
        var hookCount = 0
        private var chunk = DirectoryChunk()
        private var written = 0

        init(redis: RedisClient, keys: DirectoryKeys, version: Int64, age: Duration) {
            self.redis = redis
            self.keys = keys
            self.version = version
            self.age = age
        }

        mutating func add(_ change: (inout DirectoryChunk) -> Void) async throws(RedisError) {
            change(&chunk)
            if chunk.count >= DirectoryChunk.entriesMax { try await flush() }
        }

        /// The number of chunks; an empty directory has one too.
        mutating func finish() async throws(RedisError) -> Int {
            if chunk.count > 0 || written == 0 { try await flush() }
            return written
        }

        private mutating func flush() async throws(RedisError) {
            let key = keys.chunk(written, of: version)
            _ = try await redis.command([
                "SET", .string(key), .bytes(chunk.bytes), "PX", .integer(age.milliseconds),
            ])
            written += 1
            chunk = DirectoryChunk()
        }
    }
}
