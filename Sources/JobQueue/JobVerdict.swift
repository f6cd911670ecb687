/// How an attempt ended.
package enum JobVerdict: Sendable {
    /// Done. Follow-ups of the same shard are enqueued with the acknowledgement, in one script; others just after it.
    case complete(followUps: [NewJob] = [])
    /// It failed and spends an attempt: again after that time, or dead when it was the last one. The error is cut to
    /// 300 bytes and must hold no payload.
    case retry(after: Duration, error: String)
    /// It failed for good: dead now.
    case bury(reason: String)
    /// Not done, and nobody's fault: back to the front, no attempt spent.
    case giveBack
    /// Not now: again after that time, no attempt spent.
    case snooze(Duration)
}

/// What became of a call that ended attempts.
package struct Settlement: Hashable, Sendable {
    /// Ids refused: they are not under the lease any more. Their follow-ups were not enqueued.
    package var stale: [String] = []
    /// Ids that ended dead by this call.
    package var died: [String] = []
    /// Ids that ended cancelled by this call: they are not to run again.
    package var cancelled: [String] = []
    /// The call was repeated after a lost reply: what is stale may have been settled by the first try.
    package var wasRepeated = false
}
