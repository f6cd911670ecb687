import EventLoop

/// One task that waits until a connection is ready: told by the connection or by its timer, whichever comes first.
@Loop
final class ReadyWaiter {
    var timer: LoopTimer?
    private var continuation: CheckedContinuation<Result<Void, RedisError>, Never>?

    init(_ continuation: CheckedContinuation<Result<Void, RedisError>, Never>) { self.continuation = continuation }

    func end(_ result: Result<Void, RedisError>) {
        timer?.cancel()
        timer = nil
        continuation?.resume(returning: result)
        continuation = nil
    }
}
