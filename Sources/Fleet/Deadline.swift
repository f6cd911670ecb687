import EventLoop

/// Runs `operation` in a task of its own and waits for it at most that long; false when it had not ended by then. It is not
/// cancelled: whoever needs that does it.
@Loop func finishes(within duration: Duration, _ operation: @escaping @Loop () async -> Void) async -> Bool {
    let race = DeadlineRace()
    let timer = LoopTimer(after: duration) { race.end(false) }
    Task { @Loop in
        await operation()
        race.end(true)
    }
    let result = await withCheckedContinuation { race.begin($0) }
    timer.cancel()
    return result
}

/// Whichever ends first decides.
@Loop
private final class DeadlineRace {
    private var continuation: CheckedContinuation<Bool, Never>?
    private var result: Bool?

    nonisolated init() {}

    func begin(_ continuation: CheckedContinuation<Bool, Never>) {
        if let result { continuation.resume(returning: result) } else { self.continuation = continuation }
    }

    func end(_ result: Bool) {
        guard self.result == nil else { return }
        self.result = result
        continuation?.resume(returning: result)
        continuation = nil
    }
}
