import Glibc

/// A thread that lives as long as the process, on which every child process is started.
///
/// `PR_SET_PDEATHSIG` fires when the *thread* that started a child ends, and threads of Swift's pool come and go.
// Guard of the unchecked conformance: `actions` is touched with `mutex` held only; the pointers never change.
final class PermanentThread: @unchecked Sendable {
    static let shared = PermanentThread()

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var actions: [@Sendable () -> Void] = []

    private init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
        startDetachedThread { self.serve() }
    }

    /// Runs `body` on the thread and waits for its result.
    func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) -> Result {
        let box = ResultBox<Result>()
        pthread_mutex_lock(mutex)
        actions.append {
            let result = body()
            pthread_mutex_lock(self.mutex)
            box.value = result
            pthread_cond_broadcast(self.changed)
            pthread_mutex_unlock(self.mutex)
        }
        pthread_cond_broadcast(changed)
        while box.value == nil { pthread_cond_wait(changed, mutex) }
        defer { pthread_mutex_unlock(mutex) }
        guard let value = box.value else { fatalError("the loop above ends only with a value") }
        return value
    }

    private func serve() {
        while true {
            pthread_mutex_lock(mutex)
            while actions.isEmpty { pthread_cond_wait(changed, mutex) }
            let action = actions.removeFirst()
            pthread_mutex_unlock(mutex)
            action()
        }
    }

    // Guard of the unchecked conformance: written and read with the thread's mutex held.
    private final class ResultBox<Value>: @unchecked Sendable {
        var value: Value?
    }
}

/// Starts a thread that nobody joins.
func startDetachedThread(_ body: @escaping @Sendable () -> Void) {
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    var handle = pthread_t()
    let result = pthread_create(
        &handle, nil,
        { context in
            guard let context else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().body()
            return nil
        }, context)
    precondition(result == 0, "pthread_create failed")
    pthread_detach(handle)
}

private final class ThreadBody {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Runs blocking work on a thread of its own, so that neither the event loop nor Swift's pool waits for it.
package func offLoop<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        startDetachedThread { continuation.resume(with: Swift.Result(catching: body)) }
    }
}
