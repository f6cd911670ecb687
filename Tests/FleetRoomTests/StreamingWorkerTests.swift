import EventLoop
import TestSupport
import Testing

@testable import Fleet
@testable import JobQueue

@Suite struct StreamingWorkerTests {
    init() { Loop.startThread() }

    @Loop private func worker(_ queue: FakeQueue, window: Int, _ runner: any JobRunner) -> StreamingWorker {
        var options = WorkerOptions(concurrency: window, batch: 100)
        options.stopGrace = .milliseconds(50)
        let worker = StreamingWorker(.commissions, source: queue, settler: queue, runner: runner, options: options)
        worker.start()
        return worker
    }

    @Loop @Test func aSlowJobHoldsNoOtherUp() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue, window: 4,
            ClosureRunner { job in
                if job.id == "slow" { try await gate.waitUnlessCancelled() }
                return .completed()
            })
        queue.offer(FakeJob.batch(1, ["slow", "a", "b"]))
        try await eventually { queue.verdict("a") != nil && queue.verdict("b") != nil }
        for fence in 2...20 { queue.offer(FakeJob.batch(Int64(fence), ["\(fence)"])) }
        try await eventually { queue.verdicts.count == 21 }
        #expect(queue.verdict("slow") == nil)
        gate.open()
        try await eventually { queue.verdict("slow") == "complete" }
        await worker.stop()
    }

    @Loop @Test func theWindowIsNeverExceeded() async throws {
        let queue = FakeQueue()
        let running = Held(0)
        let most = Held(0)
        let worker = worker(
            queue, window: 5,
            ClosureRunner { _ in
                running.value += 1
                most.value = max(most.value, running.value)
                try await Loop.sleep(for: .milliseconds(1))
                running.value -= 1
                return .completed()
            })
        for fence in 1...50 { queue.offer(FakeJob.batch(Int64(fence), ["\(fence)"])) }
        try await eventually { queue.verdicts.count == 50 }
        #expect(most.value <= 5 && most.value > 1)
        #expect(queue.asked.allSatisfy { (1...5).contains($0) })
        await worker.stop()
    }

    @Loop @Test func eachJobHasItsOwnEnd() async throws {
        let queue = FakeQueue()
        let worker = worker(
            queue, window: 10,
            ClosureRunner { job in
                switch job.id {
                case "bad": throw BadData()
                case "away": throw StoreIsAway()
                case "later": return .snooze(.seconds(1))
                case "gone": return .dead(reason: "gone")
                default: return .completed()
                }
            })
        queue.offer(FakeJob.batch(1, ["ok", "bad", "away", "later", "gone"]))
        try await eventually { queue.verdicts.count == 5 }
        #expect(
            queue.verdict("ok") == "complete" && queue.verdict("bad") == "retry" && queue.verdict("away") == "give back"
        )
        #expect(queue.verdict("later") == "snooze" && queue.verdict("gone") == "bury")
        await worker.stop()
    }

    @Loop @Test func whatCannotBePreparedDoesNotRun() async throws {
        struct Preparing: JobRunner {
            func prepare(_ batch: [LeasedJob]) async throws {
                if batch.contains(where: { $0.id == "bad" }) { throw BadData() }
            }
            func run(_ job: LeasedJob) async throws -> JobOutcome {
                job.id == "bad" ? .dead(reason: "ran") : .completed()
            }
        }
        let queue = FakeQueue()
        let worker = worker(queue, window: 10, Preparing())
        queue.offer(FakeJob.batch(1, ["a", "bad", "b", "c"]))
        try await eventually { queue.verdicts.count == 4 }
        #expect(queue.verdict("bad") == "retry" && queue.verdict("c") == "complete")
        await worker.stop()
    }

    @Loop @Test func aStopGivesBackWhatRuns() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue, window: 10,
            ClosureRunner { _ in
                try await gate.waitUnlessCancelled()
                return .completed()
            })
        queue.offer(FakeJob.batch(1, ["a", "b"]))
        try await eventually { gate.arrivals == 2 }
        await worker.stop()
        #expect(queue.verdict("a") == "give back" && queue.verdict("b") == "give back")
    }

    @Loop @Test func aDrainWaitsForTheLastJob() async throws {
        let queue = FakeQueue()
        let gate = Gate()
        let worker = worker(
            queue, window: 1,
            ClosureRunner { _ in
                try await gate.waitUnlessCancelled()
                return .completed()
            })
        queue.offer(FakeJob.batch(1, ["a"]))
        try await eventually { gate.arrivals == 1 }
        worker.quiet()
        let drain = Task { @Loop in await worker.drain() }
        #expect(queue.verdicts.isEmpty)
        gate.open()
        await drain.value
        #expect(queue.verdict("a") == "complete")
        await worker.stop()
    }
}
