/// What an enqueue under a guard did.
package enum FirstOutcome: Hashable, Sendable {
    /// The job waits now, or did before, and the guard is its own.
    case enqueued
    /// Nothing was enqueued: the job of this id took the guard first, within the window.
    case seen(first: String)
    /// Nothing was enqueued: the queue has as many jobs as it may. For a client: 429.
    case full
}
