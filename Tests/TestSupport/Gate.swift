package import EventLoop

/// Something one task tells others: whoever waits here goes on once it was opened.
@Loop
package final class Gate {
    package private(set) var isOpen = false
    /// How many have come so far, those included that found it open.
    package private(set) var arrivals = 0
    private var waiting: [Int: CheckedContinuation<Void, Never>] = [:]

    nonisolated package init() {}

    package func open() {
        isOpen = true
        let released = waiting.values
        waiting = [:]
        for continuation in released { continuation.resume() }
    }

    /// Returns once it is open; a cancelled task waits as well.
    package func wait() async {
        arrivals += 1
        if isOpen { return }
        let ticket = arrivals
        await withCheckedContinuation { waiting[ticket] = $0 }
    }

    /// The same; throws `CancellationError` when the task is cancelled before it is open.
    package func waitUnlessCancelled() async throws {
        // Whoever does not come has no ticket: the next one would have it, and be let through in its place.
        try Task.checkCancellation()
        let ticket = arrivals + 1
        await withTaskCancellationHandler {
            await wait()
        } onCancel: {
            Task { @Loop in self.waiting.removeValue(forKey: ticket)?.resume() }
        }
        try Task.checkCancellation()
    }
}
