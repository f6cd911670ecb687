import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct AppendOnlyFileTests {
    init() { Loop.startThread() }

    /// The file ends within the changes of a lease; Redis goes on, and restarts once more. Without the renewal Redis 7.0 leaves
    /// the first job in no list: it executes the beginning of what it had cut.
    @Loop @Test func aFileThatWasCutWithinAChangeIsWrittenAnew() async throws {
        let redis = try await PrivateRedis.start(appendfsync: .always)
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        _ = try await fixture.queue.enqueue(.test("a"))
        _ = try await fixture.lease()
        let bytes = try AppendOnlyFile(of: redis).contents()
        let name = Array("$4\r\nZADD\r\n".utf8)
        let expiry = try #require(bytes.indices.last { bytes[$0...].starts(with: name) })
        redis.kill()
        try AppendOnlyFile(of: redis).cut(toBytes: expiry + 3)
        try await fixture.restart()
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .ready)
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 1)
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 0)
        try await eventually { try await fixture.isFileRewritten() }
        _ = try await fixture.queue.enqueue(.test("b"))
        redis.kill()
        try await fixture.restart()
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .ready)
        #expect(try await fixture.queue.find("b", in: .webhooks)?.state == .ready)
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 1, "once in each run")
    }

    private func rewrites(_ cluster: PrivateCluster, _ node: Int) async throws -> Int? {
        let lines = try await cluster.tell(node, "INFO", "persistence").split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix("aof_rewrites:") }.flatMap { Int($0.dropFirst("aof_rewrites:".count)) }
    }

    /// Its replica has, when it took the data of its master: so when it is promoted nothing is left to do.
    @Loop @Test func eachMasterOfAClusterWritesItsFileAnewOnceInItsRun() async throws {
        let cluster = try await PrivateCluster.start()
        defer { cluster.stop() }
        let fixture = try await TopologyQueue.make(try RedisConfiguration(clusterSeeds: cluster.seeds), prefix: "t")
        defer { fixture.close() }
        for node in 0..<3 { #expect(try await rewrites(cluster, node) == 0) }
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 3)
        for node in 0..<3 { #expect(try await rewrites(cluster, node) == 1) }
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 0)

        let before = fixture.client.masterRunIDs
        #expect(before.count == 3)
        cluster.nodes[0].kill()
        try await eventually(within: .seconds(30)) { try await cluster.owner(of: 0, askedOf: 3) == 3 }
        try await eventually(within: .seconds(30)) { fixture.client.isReady && fixture.client.masterRunIDs != before }
        #expect(try await rewrites(cluster, 3) == 1)
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 0)
    }

    @Loop @Test func aRedisWithoutAFileIsLeftAlone() async throws {
        let redis = try await PrivateRedis.start(options: ["--appendonly", "no"])
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 0)
    }
}
