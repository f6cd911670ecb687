import EventLoop

/// Tasks that wait until a connection, or those of a Cluster, are ready.
@Loop
final class ReadyWaiters {
    /// One of them: told by the connection or by its timer, whichever comes first.
    @Loop
    private final class Waiter {
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

    private var waiters: [Waiter] = []

    nonisolated init() {}

    /// Returns once ``end(_:)`` was called with success.
    /// - Throws: what it was called with, or, after `limit`, the failure that is known then, or one of kind `notConnected`.
    func wait(within limit: Duration, failure: @escaping @Loop () -> RedisError?) async throws(RedisError) {
        let result = await withCheckedContinuation { continuation in
            let waiter = Waiter(continuation)
            waiters.append(waiter)
            waiter.timer = LoopTimer(after: limit) { [weak self] in
                self?.waiters.removeAll { $0 === waiter }
                waiter.end(.failure(failure() ?? RedisError(.notConnected, "not ready within \(limit)")))
            }
        }
        try result.get()
    }

    /// Tells all who wait now.
    func end(_ result: Result<Void, RedisError>) {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.end(result) }
    }
}
