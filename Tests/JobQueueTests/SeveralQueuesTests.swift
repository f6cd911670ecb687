import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// A source of several queues: by weight, in strict order, and with one connection for all markers.
struct SeveralQueuesTests {
    init() { Loop.startThread() }

    @Loop private func source(_ fixture: QueueFixture, _ order: QueueOrder) async throws
        -> LeaseSource
    {
        let connection = try await QueueFixture.connect(
            to: fixture.redis, purpose: "wake", clientName: fixture.configuration.prefix)
        let source = LeaseSource(queue: fixture.queue, queues: order, wakeConnection: connection)
        source.start()
        return source
    }

    @Loop private func jobs(_ count: Int, _ queue: QueueName, prefix: String = "job") -> [NewJob] {
        (0..<count).map { .test("\(prefix)-\($0)", queue, shardKey: "key-\($0)") }
    }

    @Loop @Test func underABacklogEachQueueGetsItsPartByWeight() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        let weights: [QueueName: Int] = [.clicks: 1, .commissions: 2, .webhooks: 5]
        for queue in weights.keys { _ = try await fixture.queue.enqueue(jobs(900, queue)) }
        let source = try await source(fixture, .weighted(weights))
        var leased: [QueueName: Int] = [:]
        while leased.values.reduce(0, +) < 800 {
            let batch = try #require(await source.next(max: 10))
            #expect(Set(batch.jobs.map(\.queue)).count == 1)
            leased[batch.lease.queue, default: 0] += batch.jobs.count
            _ = try await fixture.queue.complete(batch.jobs)
        }
        #expect((85...115).contains(leased[.clicks] ?? 0))
        #expect((180...220).contains(leased[.commissions] ?? 0))
        #expect((475...525).contains(leased[.webhooks] ?? 0))
        // Where one has nothing, the others have all; and each comes to its end.
        while leased.values.reduce(0, +) < 2700 {
            let batch = try #require(await source.next(max: 100))
            leased[batch.lease.queue, default: 0] += batch.jobs.count
            _ = try await fixture.queue.complete(batch.jobs)
        }
        #expect(leased == [.clicks: 900, .commissions: 900, .webhooks: 900])
        await source.stop()
    }

    @Loop @Test func inAStrictOrderALaterQueueIsLeasedFromWhenTheFirstIsEmpty() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        _ = try await fixture.queue.enqueue(jobs(200, .batches) + jobs(300, .webhooks))
        let source = try await source(fixture, .strict([.webhooks, .batches]))
        var order: [QueueName] = []
        var leased = 0
        while leased < 500 {
            let batch = try #require(await source.next(max: 20))
            leased += batch.jobs.count
            order += batch.jobs.map(\.queue)
            _ = try await fixture.queue.complete(batch.jobs)
        }
        #expect(
            order == Array(repeating: .webhooks, count: 300) + Array(repeating: .batches, count: 200))
        // What comes to the first queue while the second has a backlog is next, soon.
        _ = try await fixture.queue.enqueue(jobs(2000, .batches, prefix: "more"))
        var isEnqueued = false
        var between = 0
        let began = Loop.monotonicMilliseconds
        while true {
            let batch = try #require(await source.next(max: 10))
            _ = try await fixture.queue.complete(batch.jobs)
            if batch.lease.queue == .webhooks { break }
            if isEnqueued { between += batch.jobs.count }
            if !isEnqueued {
                isEnqueued = true
                _ = try await fixture.queue.enqueue(.test("urgent", .webhooks))
            }
        }
        // Long before the backlog of 2,000 is done, and before a third of a lease.
        #expect(isEnqueued && between < 1000 && Loop.monotonicMilliseconds - began < 4000)
        await source.stop()
    }

    @Loop @Test func oneConnectionWaitsForTheMarkersOfAllQueues() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 8 }
        let source = try await source(fixture, .weighted([.clicks: 1, .commissions: 1, .webhooks: 1]))
        for number in 0..<12 {
            let waiting = Task { @Loop in await source.next(max: 10) }
            try await eventually { try await fixture.isBlocked(count: 1) }
            let queue = [QueueName.clicks, .commissions, .webhooks][number % 3]
            let started = Loop.monotonicMilliseconds
            _ = try await fixture.queue.enqueue(.test("job-\(number)", queue, shardKey: "key-\(number)"))
            let batch = try #require(await waiting.value)
            #expect(batch.lease.queue == queue && Loop.monotonicMilliseconds - started < 2000)
            _ = try await fixture.queue.complete(batch.jobs)
        }
        await source.stop()
    }

    @Loop @Test func jobsOfADeadWorkerAreTakenOverInEachQueue() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(300) }
        _ = try await fixture.queue.enqueue(jobs(3, .clicks) + jobs(3, .webhooks))
        try await fixture.abandon(try await fixture.lease(.clicks))
        try await fixture.abandon(try await fixture.lease(.webhooks))
        let other = try await fixture.another()
        let source = try await source(other, .strict([.webhooks, .clicks]))
        var ids: [String] = []
        while ids.count < 6 {
            let batch = try #require(await source.next(max: 10))
            #expect(batch.lease.isAlone && batch.jobs.count == 1)
            ids += batch.jobs.map { "\($0.queue) \($0.id)" }
            _ = try await other.queue.complete(batch.jobs)
        }
        #expect(Set(ids).count == 6)
        await source.stop()
    }

    /// A limited queue does not hold up the others.
    @Loop @Test func aQueueOverItsLimitLeavesTheOthersAlone() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 2 }
        try await fixture.queue.setLimit(QueueLimit(places: 2), of: .webhooks)
        _ = try await fixture.connection.command(
            ["HDEL", .string(fixture.queue.context.keys.limits(.webhooks)), "hold"])
        _ = try await fixture.queue.enqueue(jobs(20, .webhooks) + jobs(20, .batches))
        let source = try await source(fixture, .strict([.webhooks, .batches]))
        var held: [LeasedJob] = []
        while held.count < 2 {
            let batch = try #require(await source.next(max: 10))
            if batch.lease.queue == .webhooks {
                held += batch.jobs
            } else {
                _ = try await fixture.queue.complete(batch.jobs)
            }
        }
        var batches = try await fixture.queue.stats(.batches).sum.completedTotal
        while batches < 20 {
            let batch = try #require(await source.next(max: 10))
            #expect(batch.lease.queue == .batches)
            batches += batch.jobs.count
            _ = try await fixture.queue.complete(batch.jobs)
        }
        #expect(held.count == 2)
        _ = try await fixture.queue.complete(held)
        let next = try #require(await source.next(max: 10))
        #expect(next.lease.queue == .webhooks && next.jobs.count <= 2)
        _ = try await fixture.queue.complete(next.jobs)
        await source.stop()
    }
}
