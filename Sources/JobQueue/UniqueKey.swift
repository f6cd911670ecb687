/// What at most one live job of a queue may have: 1 to 64 of `[A-Za-z0-9._:-]`, compared within the shard of the job's key.
///
/// It belongs to the job and is free again when that ends in whatever way; a dead job has none, and takes it again at its
/// redrive unless another job has it by then.
package struct UniqueKey: Hashable, Sendable {
    /// What becomes of a job when another one has its key.
    package enum Mode: UInt8, CaseIterable, Hashable, Sendable {
        /// It is refused while the other is scheduled, ready or leased: ``EnqueueOutcome/duplicate(of:)``.
        case reject = 1
        /// It takes the key. One that waits is cancelled; one that runs ends its run and gets no other.
        case replace = 2
        /// It takes the key. One that is scheduled is cancelled, so that of a burst of jobs with a delay the last one runs,
        /// that long after the last; one that is due already or runs goes on, since it may not have seen what this one is
        /// about.
        case debounce = 3
    }

    package var key: String
    package var mode: Mode

    package init(_ key: String, _ mode: Mode = .reject) {
        self.key = key
        self.mode = mode
    }

    var problem: String? {
        if !(1...QueueLimits.uniqueKeyBytesMax).contains(key.utf8.count) {
            return "the unique key must have 1 to 64 letters"
        }
        return QueueLimits.isName(key) ? nil : "the unique key may hold letters, digits, '.', '_', ':' and '-' only"
    }
}
