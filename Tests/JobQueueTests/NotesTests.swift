import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct NotesTests {
    init() { Loop.startThread() }

    @Loop private func notes(_ fixture: QueueFixture, _ id: String = "a") async throws -> JobNotes? {
        try await fixture.queue.notes(of: id, in: .webhooks)
    }

    @Loop @Test func aJobSaysHowFarItIs() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([.test("a"), .test("b")])
        let jobs = try #require(try await fixture.lease()).jobs
        #expect(try await notes(fixture) == nil)
        #expect(try await fixture.queue.note(jobs[0], progress: 0.25, line: "first\nline é"))
        #expect(try await fixture.queue.note(jobs[0], line: "second"))
        let found = try #require(try await notes(fixture))
        #expect(found.progress == 0.25 && found.log.map(\.text) == ["first line é", "second"])
        #expect(found.log[0].at <= found.log[1].at && found.at >= jobs[0].enqueuedAt)
        #expect(try await fixture.queue.note(jobs[0], progress: 1))
        #expect(try await notes(fixture)?.progress == 1)
        #expect(try await notes(fixture, "b") == nil)
        await #expect(throws: QueueError.self) { try await fixture.queue.note(jobs[0], progress: 1.5) }
        // It stays over a retry, and goes with the job.
        _ = try await fixture.queue.retry(jobs[0], after: .zero, error: "x")
        #expect(try await notes(fixture)?.log.count == 2)
        #expect(try await !fixture.queue.note(jobs[0], progress: 0.5), "the lease is lost")
        _ = try await fixture.queue.complete([jobs[1]] + (try #require(try await fixture.lease())).jobs)
        #expect(try await fixture.integer("EXISTS", fixture.key("notes")) == 0)
    }

    @Loop @Test func theLogIsBounded() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue(.test("a"))
        let job = try #require(try await fixture.lease()).jobs[0]
        for number in 0..<50 {
            _ = try await fixture.queue.note(job, line: "\(number) " + String(repeating: "x", count: 600))
        }
        let log = try #require(try await notes(fixture)).log
        #expect(log.count == 7 && log.allSatisfy { $0.text.utf8.count == 500 })
        #expect(log.map { $0.text.prefix(2) } == (43..<50).map { "\($0)" })
        #expect(try await fixture.integer("HSTRLEN", fixture.key("notes"), "a") ?? 0 <= 4106)
    }

    @Loop @Test func everyOtherEndTakesThemAlong() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue(
            ["dead", "cancelled", "tombstone", "expired"].map { .test($0, lifetime: .seconds(60)) })
        let jobs = try #require(try await fixture.lease()).jobs
        for job in jobs { _ = try await queue.note(job, progress: 0.5) }
        _ = try await queue.settle([
            (job: jobs[0], verdict: .bury(reason: "no")), (job: jobs[1], verdict: .snooze(.seconds(50))),
            (job: jobs[2], verdict: .giveBack),
        ])
        #expect(try await notes(fixture, "dead")?.progress == 0.5)
        _ = try await queue.delete(try await queue.deadLetters(.webhooks).jobs)
        _ = try await queue.cancel("cancelled", in: .webhooks)
        _ = try await queue.cancel("tombstone", in: .webhooks)
        #expect(try await fixture.lease() == nil)
        _ = try await queue.settles.expire([jobs[3]])
        #expect(try await fixture.integer("EXISTS", fixture.key("notes")) == 0)
    }

    @Test func damagedNotesAreRefused() {
        #expect(JobNotes([0, 1]) == nil)
        #expect(JobNotes([255, 255, 0, 0, 0, 0, 0, 0, 0, 9] + Array("nonsense\n".utf8)) == nil)
        #expect(JobNotes([255, 255, 0, 0, 0, 0, 0, 0, 0, 9])?.progress == nil)
    }
}
