import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// What happened although no answer came, and what is asked again.
struct LostReplyTests {
    init() { Loop.startThread() }

    @Loop private func throughProxy(_ fixture: QueueFixture) async throws -> (TestProxy, JobQueue) {
        // Redis knows the scripts from here on: the reply that is lost shall not be the one that asks for them.
        _ = try await fixture.queue.enqueue(.test("first"))
        _ = try await fixture.queue.complete(try #require(try await fixture.lease()).jobs)
        let proxy = try TestProxy(to: fixture.redis.port)
        let connection = RedisClient(
            try RedisConfiguration(host: proxy.host, port: proxy.port), purpose: "through-proxy")
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
        return (proxy, JobQueue(connection: connection, configuration: fixture.configuration))
    }

    @Loop @Test("known failure 13: an enqueue whose reply was lost may be repeated")
    func anEnqueueWhoseReplyWasLostMayBeRepeated() async throws {
        let fixture = try await QueueFixture.make()
        let (proxy, queue) = try await throughProxy(fixture)
        proxy.towardsClient = .drop
        let lost = Task { @Loop in try await queue.enqueue(.test("a")) }
        try await eventually { try await fixture.queue.find("a", in: .webhooks) != nil }
        proxy.towardsClient = .forward
        proxy.cutNow()
        let error = await #expect(throws: QueueError.self) { try await lost.value }
        #expect(error?.isUnreachableStore == true && error?.mayHaveHappened == true)
        try await queue.connection.waitUntilReady(within: .seconds(10))
        #expect(try await queue.enqueue(.test("a")) == .exists(state: .live))
        #expect(try await fixture.lease()?.jobs.count == 1)
        proxy.close()
    }

    @Loop @Test("known failure 13: an acknowledgement whose reply was lost is repeated and done once")
    func anAcknowledgementWhoseReplyWasLostIsRepeatedAndDoneOnce() async throws {
        let fixture = try await QueueFixture.make()
        let (proxy, queue) = try await throughProxy(fixture)
        _ = try await fixture.queue.enqueue(.test("a"))
        let answer = try await queue.lease(.webhooks, shard: 0, max: 10, mayTakeAlone: true)
        let batch = try #require(answer.batch)
        proxy.towardsClient = .drop
        let lost = Task { @Loop in try await queue.complete(batch.jobs, followUps: [.test("next", .notifications)]) }
        try await eventually { try await fixture.queue.stats(.webhooks).sum.completedTotal == 2 }
        proxy.towardsClient = .forward
        proxy.cutNow()
        let settlement = try await lost.value
        #expect(settlement.wasRepeated && settlement.stale == ["a"])
        #expect(try await fixture.queue.stats(.webhooks).sum.completedTotal == 2)
        #expect(try await fixture.queue.stats(.notifications).sum.ready == 1)
        #expect(queue.heldJobCount == 0)
        proxy.close()
    }
}
