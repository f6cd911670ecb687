/// What a cancellation found.
package enum CancelOutcome: Hashable, Sendable {
    /// The job waited and will not run.
    case cancelled
    /// It runs: its worker is told with its next heartbeat, and if it does not end within
    /// ``JobQueueConfiguration/cancelGrace`` its lease is taken away. It gets no further run, but this one may still succeed.
    case requested
    /// It had ended before, or stands among the dead letters (``JobQueue/delete(_:)`` is for those).
    case ended(JobState)
    /// Nothing is known of it.
    case unknown
}
