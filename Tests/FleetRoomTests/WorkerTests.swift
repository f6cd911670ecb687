import Core
import EventLoop
import TestSupport
import Testing

@testable import Fleet
@testable import JobQueue

@Suite struct WorkerTests {
    init() { Loop.startThread() }

    @Loop private func worker(
        _ queue: FakeQueue, _ handler: ClosureHandler, recorder: FakeRecorder? = nil, concurrency: Int = 2
    ) -> Worker {
        var options = WorkerOptions(concurrency: concurrency, batch: 100)
        options.stopGrace = .milliseconds(50)
        let worker = Worker(
            .commissions, source: queue, settler: queue, handler: handler, recorder: recorder, options: options)
        worker.start()
        return worker
    }

    @Loop @Test func aBatchIsHandledOnceAndSettledInOneCall() async throws {
        let queue = FakeQueue()
        let followUp = NewJob(id: "f", queue: .webhooks, kind: "x.v1", payload: [], shardKey: "k")
        let worker = worker(
            queue,
            ClosureHandler { batch in
                batch.map { $0.id == "b" ? .completed(followUps: [followUp]) : .completed() }
            })
        queue.offer(FakeJob.batch(1, ["a", "b", "c"]))
        try await eventually { queue.verdicts.count == 3 }
        #expect(queue.verdict("a") == "complete" && queue.verdict("b") == "complete+1")
        await worker.stop()
        #expect(queue.isStopped)
    }

    @Loop @Test func onlyTheBadJobIsRetried() async throws {
        let queue = FakeQueue()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                if batch.contains(where: { $0.id == "bad" }) { throw BadData() }
                return batch.map { _ in .completed() }
            })
        queue.offer(FakeJob.batch(1, (0..<99).map { "\($0)" } + ["bad"]))
        try await eventually { queue.verdicts.count == 100 }
        #expect(queue.verdict("bad") == "retry")
        #expect(queue.verdicts.filter { if case .complete = $0.verdict { true } else { false } }.count == 99)
        await worker.stop()
    }

    @Loop @Test func anUnreachableStoreGivesBackAndWaits() async throws {
        let queue = FakeQueue()
        let isAway = Held(true)
        let failedAt = Held<Int64>(.max)
        let worker = worker(
            queue,
            ClosureHandler { batch in
                if isAway.value {
                    failedAt.value = Loop.monotonicMilliseconds
                    throw StoreIsAway()
                }
                return batch.map { _ in .completed() }
            }, concurrency: 1)
        queue.offer(FakeJob.batch(1, ["a", "b"]))
        try await eventually { queue.verdicts.count == 2 }
        #expect(queue.verdict("a") == "give back" && queue.verdict("b") == "give back")
        // However late this test looks: the next lease was asked for after the shortest wait.
        try await eventually { queue.asked.count == 2 }
        #expect(queue.askedAtMilliseconds[1] - failedAt.value >= StoreBackoff.least.milliseconds)
        isAway.value = false
        queue.offer(FakeJob.batch(2, ["a", "b"]))
        try await eventually { queue.verdict("a") == "complete" && queue.verdict("b") == "complete" }
        await worker.stop()
    }

    @Loop @Test func severalBatchesAreInFlightAtOnce() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                try await gate.waitUnlessCancelled()
                return batch.map { _ in .completed() }
            }, concurrency: 3)
        for fence in 1...5 { queue.offer(FakeJob.batch(Int64(fence), ["\(fence)"])) }
        try await eventually { gate.arrivals == 3 }
        gate.open()
        try await eventually { queue.verdicts.count == 5 }
        await worker.stop()
    }

    @Loop @Test func aDrainFinishesWhatIsInHandAndLeasesNothingMore() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                try await gate.waitUnlessCancelled()
                return batch.map { _ in .completed() }
            })
        queue.offer(FakeJob.batch(1, ["a"]))
        try await eventually { gate.arrivals == 1 }
        worker.quiet()
        queue.offer(FakeJob.batch(2, ["b"]))
        gate.open()
        await worker.drain()
        #expect(queue.verdicts.map(\.id) == ["a"] && queue.verdict("a") == "complete")
        await worker.stop()
    }

    @Loop @Test func aStopCancelsAndGivesBackWithoutAnAttempt() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                try await gate.waitUnlessCancelled()
                return batch.map { _ in .completed() }
            })
        queue.offer(FakeJob.batch(1, ["a", "b"]))
        try await eventually { gate.arrivals == 1 }
        await worker.stop()
        #expect(queue.verdict("a") == "give back" && queue.verdict("b") == "give back")
    }

    @Loop @Test func aStopGivesBackFromAHandlerThatDoesNotListen() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                // Its own task is not cancelled.
                try await Task { @Loop in try await gate.waitUnlessCancelled() }.value
                return batch.map { _ in .completed() }
            })
        queue.offer(FakeJob.batch(1, ["a"]))
        try await eventually { gate.arrivals == 1 }
        await worker.stop()
        #expect(queue.verdict("a") == "give back")
        gate.open()
        await worker.drain()
        #expect(queue.verdicts.count == 1, "what it says afterwards counts no more")
    }

    @Loop @Test func workWhoseLeaseIsLostIsAbandoned() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let wasCancelled = Held(false)
        let worker = worker(
            queue,
            ClosureHandler { batch in
                do { try await gate.waitUnlessCancelled() } catch {
                    wasCancelled.value = true
                    throw error
                }
                return batch.map { _ in .completed() }
            })
        queue.offer(FakeJob.batch(1, ["a"]))
        try await eventually { gate.arrivals == 1 }
        queue.onLeaseLost?(FakeJob.lease(1))
        try await eventually { wasCancelled.value }
        worker.quiet()
        await worker.drain()
        #expect(queue.verdicts.isEmpty)
        await worker.stop()
    }

    @Loop @Test func theRowIsToldBeforeTheQueue() async throws {
        let queue = FakeQueue()
        let recorder = FakeRecorder()
        let orderIsRight = Held(true)
        let worker = worker(
            queue,
            ClosureHandler { batch in
                if !recorder.ends.isEmpty || !queue.verdicts.isEmpty { orderIsRight.value = false }
                return batch.map { _ in .dead(reason: "for good") }
            }, recorder: recorder)
        queue.offer(FakeJob.batch(1, ["a"]))
        try await eventually { queue.verdict("a") == "bury" }
        #expect(orderIsRight.value && recorder.ends.map(\.id) == ["a"] && recorder.ends[0].reason == "for good")
        await worker.stop()
    }

    @Loop @Test func noJobEndsWhoseRowCannotBeTold() async throws {
        let queue = FakeQueue()
        let recorder = FakeRecorder()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                batch.map { $0.id == "ok" ? .completed() : .dead(reason: "for good") }
            }, recorder: recorder)
        recorder.error = StoreIsAway()
        queue.offer(FakeJob.batch(1, ["a", "ok"]))
        try await eventually { queue.verdicts.count == 2 }
        #expect(queue.verdict("a") == "give back" && queue.verdict("ok") == "complete")
        recorder.error = BadData()
        queue.offer(FakeJob.batch(2, ["b"]))
        try await eventually { queue.verdicts.count == 3 }
        #expect(queue.verdict("b") == "snooze")
        await worker.stop()
    }

    /// One lease of a batch of two shards goes to another worker: its jobs are not ours to settle, the others are given back.
    @Loop @Test func ofABatchOfSeveralLeasesOnlyTheLostOneIsForgotten() async throws {
        let queue = FakeQueue()
        let began = Gate()
        let worker = worker(
            queue,
            ClosureHandler { batch in
                began.open()
                try await Gate().waitUnlessCancelled()
                return batch.map { _ in .completed() }
            })
        let (batch, others) = LeaseBatch.merging([FakeJob.batch(1, ["a", "b"]), FakeJob.batch(2, ["c"])])
        #expect(others.isEmpty)
        queue.offer(try #require(batch))
        await began.wait()
        queue.onLeaseLost?(FakeJob.lease(1))
        try await eventually { queue.verdict("c") == "give back" }
        #expect(queue.verdict("a") == nil && queue.verdict("b") == nil)
        await worker.stop()
    }

    @Loop @Test("known failure 16: a job of a kind that this release does not know is parked")
    func aJobOfAnUnknownKindIsParked() async throws {
        let queue = FakeQueue()
        let handled = Held<[String]>([])
        let worker = worker(
            queue,
            ClosureHandler(kinds: ["test.v1"]) { batch in
                handled.value += batch.map(\.id)
                return batch.map { _ in .completed() }
            })
        let lease = FakeJob.lease(1)
        queue.offer(
            LeaseBatch(
                lease: lease,
                jobs: [FakeJob.job("old", lease: lease), FakeJob.job("new", lease: lease, kind: "test.v2")]))
        try await eventually { queue.verdicts.count == 2 }
        #expect(handled.value == ["old"] && queue.verdict("new") == "snooze")
        await worker.stop()
    }

    @Loop @Test func anAcknowledgementThatFailsDoesNotEndTheWorker() async throws {
        let queue = FakeQueue()
        queue.settlements = [.failure(.invalid("refused"))]
        let worker = worker(queue, ClosureHandler { batch in batch.map { _ in .completed() } }, concurrency: 1)
        queue.offer(FakeJob.batch(1, ["a"]))
        queue.offer(FakeJob.batch(2, ["b"]))
        try await eventually { queue.verdict("b") == "complete" }
        #expect(queue.verdict("a") == nil)
        await worker.stop()
    }
}
