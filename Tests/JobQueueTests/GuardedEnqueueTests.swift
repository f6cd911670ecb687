import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct GuardedEnqueueTests {
    init() { Loop.startThread() }

    @Loop @Test func onlyTheFirstJobOfAGuardIsEnqueued() async throws {
        let fixture = try await QueueFixture.make()
        func enqueue(_ id: String, _ guardKey: String) async throws -> FirstOutcome {
            try await fixture.queue.enqueue(.test(id, .clicks), ifFirstOf: Array(guardKey.utf8), within: .seconds(60))
        }
        #expect(try await enqueue("a", "one") == .enqueued)
        #expect(try await enqueue("b", "one") == .seen(first: "a"))
        #expect(try await enqueue("c", "two") == .enqueued)
        // A repeat after a lost reply is not its own duplicate.
        #expect(try await enqueue("a", "one") == .enqueued)
        #expect(try await fixture.lease(.clicks)?.jobs.map(\.id) == ["a", "c"])
    }

    @Loop @Test func jobsOfOneTurnAreOneCallAndSeeEachOther() async throws {
        let fixture = try await QueueFixture.make()
        async let first = fixture.queue.enqueue(.test("a", .clicks), ifFirstOf: [1], within: .seconds(60))
        async let second = fixture.queue.enqueue(.test("b", .clicks), ifFirstOf: [1], within: .seconds(60))
        async let third = fixture.queue.enqueue(.test("c", .clicks), ifFirstOf: [2], within: .seconds(60))
        let outcomes = try await [first, second, third]
        #expect(outcomes.count { $0 == .enqueued } == 2)
        #expect(try await fixture.lease(.clicks)?.jobs.count == 2)
    }

    @Loop @Test func aGuardCountsForItsWindowOnly() async throws {
        let fixture = try await QueueFixture.make()
        let window = Duration.milliseconds(200)
        #expect(try await fixture.queue.enqueue(.test("a", .clicks), ifFirstOf: [1], within: window) == .enqueued)
        var number = 0
        try await eventually {
            number += 1
            return try await fixture.queue.enqueue(.test("b-\(number)", .clicks), ifFirstOf: [1], within: window)
                == .enqueued
        }
        // Each generation has a time to live, so that what nobody asks for goes by itself.
        let ttl = try await fixture.integer("PTTL", fixture.key("guards0", .clicks)) ?? 0
        let other = try await fixture.integer("PTTL", fixture.key("guards1", .clicks)) ?? 0
        #expect(max(ttl, other) > 0 && max(ttl, other) <= 400)
    }

    @Loop @Test func theSamenessDecidesWhetherARepeatIsTheSameJob() async throws {
        let fixture = try await QueueFixture.make()
        var job = NewJob.test("a", .conversions, payload: "accepted at 1")
        job.sameness = [1]
        #expect(try await fixture.queue.enqueue(job) == .added)
        job.payload = Array("accepted at 2".utf8)
        #expect(try await fixture.queue.enqueue(job) == .exists(state: .live))
        job.sameness = [2]
        #expect(try await fixture.queue.enqueue(job) == .conflict(state: .live))
    }
}
