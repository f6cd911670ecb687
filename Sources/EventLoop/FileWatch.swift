import CEvent

/// Watches a file descriptor that someone else owns, and calls `handler` when it may be read or written.
@Loop
package final class FileWatch {
    /// What to wait for, and what has happened.
    package struct Interest: OptionSet, Sendable {
        package let rawValue: Int16
        package init(rawValue: Int16) { self.rawValue = rawValue }
        package static let readable = Interest(rawValue: Int16(EV_READ))
        package static let writable = Interest(rawValue: Int16(EV_WRITE))
    }

    private var event: OpaquePointer?
    private let descriptor: Int32
    private let handler: @Loop (Interest) -> Void
    /// What it waits for now; empty at first.
    package private(set) var interest: Interest = []

    /// Watches nothing until ``watch(for:)``. Cancel it before the descriptor is closed.
    package init(descriptor: Int32, handler: @escaping @Loop (Interest) -> Void) {
        self.descriptor = descriptor
        self.handler = handler
    }

    /// Level-triggered: the handler is called in each turn in which the condition holds. An empty set pauses.
    package func watch(for interest: Interest) {
        guard interest != self.interest else { return }
        self.interest = interest
        if let event { event_free(event) }
        event = nil
        guard !interest.isEmpty else { return }
        event = event_new(
            Loop.base, descriptor, interest.rawValue | Int16(EV_PERSIST),
            { _, what, context in
                Loop.entering(context, as: FileWatch.self) { watch in
                    watch.handler(Interest(rawValue: what).intersection([.readable, .writable]))
                }
            }, Unmanaged.passUnretained(self).toOpaque())
        event_add(event, nil)
    }

    package func cancel() { watch(for: []) }

    isolated deinit {
        if let event { event_free(event) }
    }
}
