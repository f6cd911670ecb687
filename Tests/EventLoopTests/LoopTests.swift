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
