import CEvent

/// The process's one event loop, as a global actor: what is marked `@Loop` runs on its thread and needs no lock.
///
/// A process has exactly one loop on one thread; libevent drives Redis, PostgreSQL, libcurl and the HTTP server from it,
/// and Swift tasks are its jobs. An executable calls ``run()`` on its main thread; tests call ``startThread()``.
@globalActor
package actor Loop {
    package static let shared = Loop()

    nonisolated let executor = LoopExecutor()

    nonisolated package var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// libevent's base, for the wires only. Valid for the life of the process.
    @Loop package static var base: OpaquePointer { shared.executor.base }

    /// Runs the loop on this thread until ``stop()``. Call it once, from the thread that shall be the loop's.
    nonisolated package static func run() { shared.executor.run() }

    /// Runs the loop on a thread of its own; a second call does nothing. For tests, whose main thread is not theirs.
    nonisolated package static func startThread() { shared.executor.startThread() }

    /// Makes ``run()`` return after the current turn.
    @Loop package static func stop() { shared.executor.stop() }

    /// Runs `action` once when every task of this turn has had its go, before the loop waits for the kernel.
    ///
    /// This is where wires gather what many tasks of one turn asked for into one call.
    @Loop package static func atTurnEnd(_ action: @escaping @Loop () -> Void) {
        shared.executor.turnEndActions.append(action)
    }

    /// Runs `operation` as the loop's own code. For C callbacks, which the loop makes outside of any Swift task.
    ///
    /// Traps when called from another thread: that is a bug of ours, not of the world.
    nonisolated package static func assumeIsolated<Result>(
        _ operation: @Loop () throws -> Result, file: StaticString = #fileID, line: UInt = #line
    ) rethrows -> Result {
        precondition(shared.executor.isOnLoopThread, "not on the event loop's thread", file: file, line: line)
        return try withoutActuallyEscaping(operation) { operation in
            // The same function without its isolation, which has just been checked; MainActor.assumeIsolated does this too.
            try unsafeBitCast(operation, to: (() throws -> Result).self)()
        }
    }

    /// Runs `body` on the loop with the object behind a C callback's context pointer. The caller's registration must
    /// keep that object alive, since the pointer does not.
    nonisolated package static func entering<Owner: AnyObject>(
        _ context: UnsafeMutableRawPointer?, as type: Owner.Type, _ body: @Loop (Owner) -> Void
    ) {
        precondition(shared.executor.isOnLoopThread, "not on the event loop's thread")
        guard let context else { return }
        let owner = Unmanaged<Owner>.fromOpaque(context).takeUnretainedValue()
        withoutActuallyEscaping(body) { body in
            unsafeBitCast(body, to: ((Owner) -> Void).self)(owner)
        }
    }
}
