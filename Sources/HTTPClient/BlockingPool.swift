import EventLoop
import Glibc
import Synchronization

/// Threads for calls that block, in the loop's place: started when needed, up to a few, ended when there is no more to do.
final class BlockingPool: Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let threadsMax: Int

    /// - Parameter threadsMax: calls at a time; the next ones wait.
    init(threadsMax: Int) { self.threadsMax = threadsMax }

    /// Runs `work` on a thread and hands its result to the loop; `fallback` when the system has no thread left.
    func run<Value: Sendable>(
        else fallback: Value, _ work: @escaping @Sendable () -> Value,
        completion: @escaping @Loop @Sendable (Value) -> Void
    ) {
        let hasThread = add {
            let value = work()
            Task { @Loop in completion(value) }
        }
        if !hasThread { Task { @Loop in completion(fallback) } }
    }

    /// The same for a task to wait for.
    func run<Value: Sendable>(else fallback: Value, _ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            if !add({ continuation.resume(returning: work()) }) { continuation.resume(returning: fallback) }
        }
    }

    /// False when nobody will ever do it: there is no thread, and none can be made.
    private func add(_ work: @escaping @Sendable () -> Void) -> Bool {
        let needsThread = state.withLock { state in
            guard state.threads < threadsMax else {
                state.work.append(work)
                return false
            }
            state.threads += 1
            return true
        }
        guard needsThread else { return true }
        let first = Unmanaged.passRetained(Start(pool: self, work: work))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                start.work()
                start.pool.workUntilDone()
                return nil
            }, first.toOpaque())
        if result == 0 {
            pthread_detach(thread)
            return true
        }
        first.release()
        return state.withLock { state in
            state.threads -= 1
            guard state.threads > 0 else { return false }
            // Another thread is at work and takes this too.
            state.work.append(work)
            return true
        }
    }

    private final class Start {
        let pool: BlockingPool
        let work: @Sendable () -> Void

        init(pool: BlockingPool, work: @escaping @Sendable () -> Void) {
            self.pool = pool
            self.work = work
        }
    }

    private func workUntilDone() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            if state.work.isEmpty {
                state.threads -= 1
                return nil
            }
            return state.work.removeFirst()
        }
    }
}
