import CEvent
import Glibc

/// A timer of the loop: fires `handler` once, or again and again, until it is cancelled or released.
@Loop
package final class LoopTimer {
    private var event: OpaquePointer?
    private var handler: (@Loop () -> Void)?
    private let isRepeating: Bool
    // While a one-shot timer is pending it keeps itself alive, so that `LoopTimer(after:)` may be fired and forgotten.
    private var pendingSelf: LoopTimer?

    /// - Parameters:
    ///   - duration: time to the (first) firing; negative counts as zero.
    ///   - repeating: whether it fires every `duration` afterwards; a repeating timer lives as long as someone holds it.
    package init(after duration: Duration, repeating: Bool = false, handler: @escaping @Loop () -> Void) {
        self.handler = handler
        isRepeating = repeating
        let flags = repeating ? Int16(EV_PERSIST) : 0
        event = event_new(
            Loop.base, -1, flags,
            { _, _, context in Loop.entering(context, as: LoopTimer.self) { $0.fire() } },
            Unmanaged.passUnretained(self).toOpaque())
        if !repeating { pendingSelf = self }
        arm(after: duration)
    }

    /// Moves the next firing to `duration` from now.
    package func arm(after duration: Duration) {
        guard let event else { return }
        var time = timeval(duration)
        event_add(event, &time)
        if !isRepeating { pendingSelf = self }
    }

    /// Ends it; the handler is not called any more. Cancelling twice is harmless.
    package func cancel() {
        if let event { event_free(event) }
        event = nil
        handler = nil
        pendingSelf = nil
    }

    private func fire() {
        let keepsSelfDuringCall = pendingSelf
        pendingSelf = nil
        handler?()
        withExtendedLifetime(keepsSelfDuringCall) {}
    }

    isolated deinit {
        if let event { event_free(event) }
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(max(0, seconds)), tv_usec: seconds < 0 ? 0 : Int(max(0, attoseconds / 1_000_000_000_000)))
    }
}
