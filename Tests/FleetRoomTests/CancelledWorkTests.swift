import EventLoop
import JobQueue
import TestSupport
import Testing

@testable import Fleet

/// What workers do with jobs that somebody cancelled, and with those that came too late.
struct CancelledWorkTests {
    init() { Loop.startThread() }

    @Loop @Test func aCancellationEndsTheTaskOfItsJobOnly() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        var cancelled: [String] = []
        let runner = ClosureRunner { job in
            do {
                try await gate.waitUnlessCancelled()
            } catch {
                cancelled.append(job.id)
                throw error
            }
            return .completed()
        }
        let worker = StreamingWorker(.commissions, source: queue, settler: queue, runner: runner)
        worker.start()
        queue.offer(FakeJob.batch(1, ["a", "b", "c"]))
        try await eventually { gate.arrivals == 3 }
        queue.onCancelRequested?(FakeJob.lease(1), ["b"])
        // It is given back, and the queue gives it to nobody.
        try await eventually { queue.verdict("b") == "give back" }
        #expect(cancelled == ["b"] && queue.verdicts.count == 1)
        gate.open()
        try await eventually { queue.verdict("a") == "complete" && queue.verdict("c") == "complete" }
        await worker.stop()
    }

    @Loop @Test func aBatchIsCancelledWhenNothingElseIsLeftInIt() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let handler = ClosureHandler { jobs in
            try await gate.waitUnlessCancelled()
            return jobs.map { _ in .completed() }
        }
        let worker = Worker(.commissions, source: queue, settler: queue, handler: handler)
        worker.start()
        queue.offer(FakeJob.batch(1, ["a", "b"]))
        try await eventually { gate.arrivals == 1 }
        queue.onCancelRequested?(FakeJob.lease(1), ["a"])
        queue.onCancelRequested?(FakeJob.lease(2), ["b"])
        #expect(queue.verdicts.isEmpty)
        queue.onCancelRequested?(FakeJob.lease(1), ["b"])
        try await eventually { queue.verdict("a") == "give back" && queue.verdict("b") == "give back" }
        await worker.stop()
    }

    @Loop @Test func theRowsOfExpiredJobsAreToldBeforeTheyAreDropped() async throws {
        let queue = FakeQueue()
        let recorder = FakeRecorder()
        let worker = Worker(
            .commissions, source: queue, settler: queue, handler: ClosureHandler { $0.map { _ in .completed() } },
            recorder: recorder)
        worker.start()
        let tell = try #require(queue.onExpired)
        try await tell([FakeJob.job("late", attempt: 3)])
        #expect(recorder.ends.map(\.id) == ["late"] && recorder.ends[0].attempt == 2 && recorder.ends[0].state == .dead)
        recorder.error = StoreIsAway()
        await #expect(throws: StoreIsAway.self) { try await tell([FakeJob.job("late")]) }
        await worker.stop()
    }
}
