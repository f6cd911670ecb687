package import Core
import Glibc

extension Loop {
    /// Milliseconds of a clock that never goes back; only differences mean anything.
    nonisolated package static var monotonicMilliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Nanoseconds of the same clock, for measuring.
    nonisolated package static var monotonicNanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// This host's wall clock. Never compare it with Redis' or PostgreSQL's: each store's time is its own.
    nonisolated package static var wallClock: EpochMilliseconds {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return EpochMilliseconds(rawValue: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Waits on the loop's own timer. Throws `CancellationError` at once when the task is cancelled.
    @Loop package static func sleep(for duration: Duration) async throws {  // suspends the task, blocks no thread
        try Task.checkCancellation()
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { sleeper.begin($0, after: duration) }
        } onCancel: {
            Task { @Loop in sleeper.end(throwing: CancellationError()) }
        }
    }
}

/// One task that waits for its timer: resumed by its timer or by cancellation, whichever comes first.
@Loop
private final class Sleeper {
    private var continuation: CheckedContinuation<Void, any Error>?
    private var timer: LoopTimer?
    private var ended = false

    nonisolated init() {}

    func begin(_ continuation: CheckedContinuation<Void, any Error>, after duration: Duration) {
        if ended {
            continuation.resume(throwing: CancellationError())
            return
        }
        self.continuation = continuation
        timer = LoopTimer(after: duration) { [self] in end(throwing: nil) }
    }

    func end(throwing error: CancellationError?) {
        ended = true
        timer?.cancel()
        timer = nil
        let waiting = continuation
        continuation = nil
        if let error { waiting?.resume(throwing: error) } else { waiting?.resume() }
    }
}
