import EventLoop
import TestSupport
import Testing

@Suite struct LoopTests {
    init() { Loop.startThread() }

    @Loop @Test func tasksOfOneTurnRunBeforeItsEndActions() async throws {
        var order: [String] = []
        await withCheckedContinuation { continuation in
            Loop.atTurnEnd {
                order.append("end")
                continuation.resume()
            }
            for name in ["a", "b"] { Task { @Loop in order.append(name) } }
        }
        #expect(order == ["a", "b", "end"])
    }

    @Loop @Test func sleepEndsAtOnceWhenItsTaskIsCancelled() async throws {
        let start = Loop.monotonicMilliseconds
        let task = Task { @Loop in try await Loop.sleep(for: .seconds(60)) }
        try await Loop.sleep(for: .milliseconds(1))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(Loop.monotonicMilliseconds - start < 10_000)
    }

    /// Linux' coarse clock would make it 4 ms each, and now and then none.
    @Loop @Test func aTimerOfAMillisecondTakesAMillisecond() async throws {
        var fastest = Int64.max
        for _ in 1...10 {
            let start = Loop.monotonicNanoseconds
            for _ in 1...10 { try await Loop.sleep(for: .milliseconds(1)) }
            fastest = min(fastest, Loop.monotonicNanoseconds - start)
        }
        #expect(fastest >= 10_000_000)
        #expect(fastest < 25_000_000)
    }

    @Loop @Test func aForgottenOneShotTimerStillFires() async {
        await withCheckedContinuation { continuation in
            _ = LoopTimer(after: .milliseconds(1)) { continuation.resume() }
        }
    }

    @Test func workFromOtherThreadsWakesTheLoop() async {
        let total = await withTaskGroup(of: Int.self) { group in
            for index in 1...100 { group.addTask { await onLoop(index) } }
            return await group.reduce(0, +)
        }
        #expect(total == 5050)
    }

    @Loop private func onLoop(_ value: Int) -> Int { value }
}
