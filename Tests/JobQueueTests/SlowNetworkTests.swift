import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// A worker behind a network that is slow, or that says nothing for longer than a lease.
struct SlowNetworkTests {
    init() { Loop.startThread() }

    @Loop private func worker(
        _ fixture: QueueFixture, behind proxy: TestProxy, replyTimeout: Duration
    ) async throws -> (queue: JobQueue, source: LeaseSource) {
        func connect(_ purpose: String) async throws -> RedisClient {
            var configuration = try RedisConfiguration(host: proxy.host, port: proxy.port)
            configuration.replyTimeout = replyTimeout
            configuration.reconnectWaitMax = .milliseconds(50)
            let connection = RedisClient(configuration, purpose: purpose)
            connection.start()
            try await connection.waitUntilReady(within: .seconds(10))
            return connection
        }
        let queue = JobQueue(connection: try await connect("queue"), configuration: fixture.configuration)
        let source = LeaseSource(queue: queue, name: .webhooks, wakeConnection: try await connect("wake"))
        source.start()
        return (queue, source)
    }

    /// A call takes 120 ms, more than half of the pause between two heartbeats, and no lease is lost, though some are held for
    /// twice as long as they last by themselves.
    @Loop @Test func aSlowNetworkLosesNoLease() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(600) }
        let proxy = try TestProxy(to: fixture.redis.port)
        defer { proxy.close() }
        let (queue, source) = try await worker(fixture, behind: proxy, replyTimeout: .seconds(10))
        proxy.towardsServer = .delay(.milliseconds(60))
        proxy.towardsClient = .delay(.milliseconds(60))
        _ = try await fixture.queue.enqueue(NewJob.tests(60))
        var done: [String] = []
        while done.count < 60 {
            let batch = try #require(await source.next(max: 20))
            if done.isEmpty {
                let end = Loop.monotonicMilliseconds + 2 * fixture.configuration.lease.milliseconds
                try await eventually { Loop.monotonicMilliseconds >= end }
            }
            #expect(try await queue.complete(batch.jobs) == Settlement())
            #expect(batch.jobs.allSatisfy { !$0.lease.isAlone })
            done += batch.jobs.map(\.id)
        }
        #expect(Set(done).count == 60)
        await source.stop()
    }

    /// The network is silent past the lease: others do the jobs, and what this worker says of them afterwards is refused.
    @Loop @Test func aSilentNetworkLeavesItsJobsToOthersAndItsLateWordIsRefused() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(300) }
        let proxy = try TestProxy(to: fixture.redis.port)
        defer { proxy.close() }
        let (queue, source) = try await worker(fixture, behind: proxy, replyTimeout: .milliseconds(400))
        _ = try await fixture.queue.enqueue(NewJob.tests(5))
        let batch = try #require(await source.next(max: 20))
        proxy.goSilent()
        let late = Task { @Loop in try await queue.complete(batch.jobs) }
        var done: [String] = []
        try await eventually(within: .seconds(20)) {
            if let alone = try await fixture.lease() {
                #expect(alone.jobs.count == 1 && alone.jobs[0].lease.isAlone)
                #expect(try await fixture.queue.complete(alone.jobs) == Settlement())
                done += alone.jobs.map(\.id)
            }
            return done.count == 5
        }
        // What the network kept may reach Redis now, or never; it repeats itself either way.
        proxy.forwardAgain()
        #expect(try await late.value.stale.sorted() == batch.jobs.map(\.id).sorted())
        #expect(try await fixture.queue.stats(.webhooks).sum.completedTotal == 5)
        // And the worker works on.
        _ = try await fixture.queue.enqueue(.test("more"))
        let more = try #require(await source.next(max: 20))
        #expect(try await queue.complete(more.jobs) == Settlement())
        await source.stop()
    }
}
