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
        #expect(try await fixture.queue.renewAppendOnlyFile())
        #expect(try await !fixture.queue.renewAppendOnlyFile())
        try await eventually { try await fixture.isFileRewritten() }
        _ = try await fixture.queue.enqueue(.test("b"))
        redis.kill()
        try await fixture.restart()
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .ready)
        #expect(try await fixture.queue.find("b", in: .webhooks)?.state == .ready)
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
        #expect(try await fixture.queue.renewAppendOnlyFile(), "once in each run")
    }

    @Loop @Test func aRedisWithoutAFileIsLeftAlone() async throws {
        let redis = try await PrivateRedis.start(options: ["--appendonly", "no"])
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        #expect(try await !fixture.queue.renewAppendOnlyFile())
    }
}
