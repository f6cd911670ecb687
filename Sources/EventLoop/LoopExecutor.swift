import CEvent
import Glibc
import Synchronization

/// Swift's executor over libevent: tasks become jobs of the loop's turns.
///
/// A turn drains the jobs, runs the turn-end actions, then lets libevent wait for the kernel. Jobs enqueued by the loop's
/// own thread go to a plain array; those of other threads go through a mutex and an eventfd that wakes the loop.
// Guard of the unchecked conformance: everything but `foreign` and `wakeFileDescriptor` is touched by the loop's thread only.
final class LoopExecutor: SerialExecutor, @unchecked Sendable {
    let base: OpaquePointer
    var turnEndActions: [@Loop () -> Void] = []

    private var ready: [UnownedJob] = []
    private var stopping = false
    private var wakeEvent: OpaquePointer?
    private let foreign = Mutex<[UnownedJob]>([])
    private let wakeFileDescriptor: Int32
    private let thread = Atomic<UInt>(0)
    private let started = Atomic<Bool>(false)

    /// Rounds of jobs a turn may run before the kernel is asked again, so that busy tasks cannot starve the sockets.
    private static let roundsPerTurnMax = 64

    init() {
        // A peer that closes early must show as EPIPE on the write, never as a signal that ends the process.
        signal(SIGPIPE, SIG_IGN)
        base = Self.makeBase()
        wakeFileDescriptor = tributary_eventfd()
        precondition(wakeFileDescriptor >= 0, "eventfd failed")
        wakeEvent = event_new(
            base, wakeFileDescriptor, Int16(EV_READ | EV_PERSIST),
            { descriptor, _, _ in
                var count: UInt64 = 0
                _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
            }, nil)
        event_add(wakeEvent, nil)
    }

    /// A loop with timers of microseconds. By default libevent reads Linux' coarse clock, which moves every 4 ms on most
    /// kernels: a timer of 1 ms would fire after up to 5.
    private static func makeBase() -> OpaquePointer {
        let settings = event_config_new()
        defer { event_config_free(settings) }
        event_config_set_flag(settings, Int32(EVENT_BASE_FLAG_PRECISE_TIMER.rawValue))
        guard let base = event_base_new_with_config(settings) else {
            fatalError("libevent is out of resources")  // without a loop nothing runs, no report either
        }
        return base
    }

    var isOnLoopThread: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoopThread {
            ready.append(job)
            return
        }
        foreign.withLock { $0.append(job) }
        var one: UInt64 = 1
        // The only failure is EAGAIN on a full counter, when the loop is awake already.
        _ = write(wakeFileDescriptor, &one, MemoryLayout<UInt64>.size)
    }

    func isIsolatingCurrentContext() -> Bool? { isOnLoopThread }

    func checkIsolated() {
        precondition(isOnLoopThread, "not on the event loop's thread")
    }

    func startThread() {
        guard started.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
        else { return }
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { _ in
                Loop.shared.executor.runTurns()
                return nil
            }, nil)
        precondition(result == 0, "pthread_create failed")
    }

    func run() {
        guard started.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
        else {
            preconditionFailure("the event loop runs already")
        }
        runTurns()
    }

    func stop() { stopping = true }

    private func runTurns() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        keepResumedTasksHere()
        while !stopping {
            let idle = runReadyJobs()
            event_base_loop(base, EVLOOP_ONCE | (idle ? 0 : EVLOOP_NONBLOCK))
        }
    }

    /// Swift resumes a continuation on its global executor first, which hands the task back to us: two changes of thread
    /// for each await of a wire. What this thread resumes is run by this thread instead.
    private func keepResumedTasksHere() { tributary_install_job_hook() }

    fileprivate func takeResumed(_ job: UnsafeMutableRawPointer) -> Bool {
        guard isOnLoopThread else { return false }
        ready.append(unsafeBitCast(job, to: UnownedJob.self))
        return true
    }

    /// Runs jobs and turn-end actions until none is left or the turn is used up; true when the loop may sleep.
    private func runReadyJobs() -> Bool {
        for _ in 0..<Self.roundsPerTurnMax {
            takeForeignJobs()
            if ready.isEmpty {
                if turnEndActions.isEmpty { return true }
                let actions = turnEndActions
                turnEndActions = []
                Loop.assumeIsolated { for action in actions { action() } }
                continue
            }
            var jobs: [UnownedJob] = []
            swap(&jobs, &ready)
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
            if ready.isEmpty {
                // Keep the larger buffer: a busy loop then allocates nothing here.
                jobs.removeAll(keepingCapacity: true)
                swap(&jobs, &ready)
            }
        }
        return false
    }

    private func takeForeignJobs() {
        foreign.withLock { jobs in
            guard !jobs.isEmpty else { return }
            ready.append(contentsOf: jobs)
            jobs.removeAll(keepingCapacity: true)
        }
    }
}

@_cdecl("tributary_take_job")
func takeJob(_ job: UnsafeMutableRawPointer?) -> Bool {
    guard let job else { return false }
    return Loop.shared.executor.takeResumed(job)
}
