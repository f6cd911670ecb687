import Core
import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// Worker processes of a queue (`Tests/QueueTestWorker`) and the ledger in which they count what they do.
@Loop
struct WorkerProcesses {
    let redis: PrivateRedis
    let ledgerRedis: PrivateRedis
    let ledger: RedisClient
    let fixture: QueueFixture

    static func make(lease: Duration, appendfsync: PrivateRedis.AppendFsync = .no) async throws -> WorkerProcesses {
        let redis = try await PrivateRedis.start(appendfsync: appendfsync)
        let ledgerRedis = try await PrivateRedis.start()
        let ledger = try await QueueFixture.connect(to: ledgerRedis, purpose: "ledger")
        let fixture = try await QueueFixture.make(on: redis) {
            $0.shardCount = 2
            $0.lease = lease
            $0.crashesMax = 100
        }
        return WorkerProcesses(redis: redis, ledgerRedis: ledgerRedis, ledger: ledger, fixture: fixture)
    }

    func stop() {
        redis.stop()
        ledgerRedis.stop()
    }

    func start(_ name: String, isGated: Bool = false) throws -> TestProcess {
        try TestProcess.start(
            try builtProgram("queue-test-worker"),
            [
                "\(redis.port)", "\(ledgerRedis.port)", fixture.configuration.prefix,
                "\(fixture.configuration.lease.milliseconds)", name, isGated ? "gated" : "free",
            ], logPath: "\(ledgerRedis.dataDirectory)/workers.log")
    }

    /// How often the ledger counted each id.
    func counts(_ hash: RedisArgument) async throws -> [String: Int] {
        let fields = try await ledger.command(["HGETALL", hash]).array?.compactMap(\.string) ?? []
        var counts: [String: Int] = [:]
        for index in stride(from: 0, to: fields.count, by: 2) { counts[fields[index]] = Int(fields[index + 1]) }
        return counts
    }

    /// The ids and fences of the runs that began.
    func began() async throws -> [(id: String, fence: Int64)] {
        let entries = try await ledger.command(["LRANGE", "began", 0, -1]).array?.compactMap(\.string) ?? []
        return entries.map { entry in
            let parts = entry.split(separator: " ")
            return (String(parts[0]), Int64(parts[1]) ?? 0)
        }
    }
}
