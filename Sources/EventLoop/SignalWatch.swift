import CEvent

/// Calls `handler` on the loop for each arrival of a signal, for as long as it is held.
@Loop
package final class SignalWatch {
    private var event: OpaquePointer?
    private let handler: @Loop () -> Void

    /// - Parameter signal: a number such as `SIGTERM`.
    package init(signal: Int32, handler: @escaping @Loop () -> Void) {
        self.handler = handler
        event = event_new(
            Loop.base, signal, Int16(EV_SIGNAL | EV_PERSIST),
            { _, _, context in Loop.entering(context, as: SignalWatch.self) { $0.handler() } },
            Unmanaged.passUnretained(self).toOpaque())
        event_add(event, nil)
    }

    isolated deinit {
        if let event { event_free(event) }
    }
}
