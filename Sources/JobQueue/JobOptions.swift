import Core

/// What few jobs ask for; in a box of its own, since a job is copied often (``NewJob``, ``LeasedJob``).
struct JobOptions: Sendable {
    var lifetime: Duration?
    var unique: UniqueKey?
    var orderKey: String?
    var limit: KeyLimit?
    var batch: String?

    init() {}

    var isEmpty: Bool { lifetime == nil && unique == nil && orderKey == nil && limit == nil && batch == nil }

    /// What forbids to enqueue a job with these, in words; `nil` when nothing does.
    func problem(delay: Duration) -> String? {
        if let lifetime, lifetime.milliseconds <= delay.milliseconds || lifetime > QueueLimits.delayMax {
            return "the lifetime must be longer than the delay, and at most 366 days"
        }
        if let problem = unique?.problem { return problem }
        if orderKey != nil, limit != nil { return "a job has an order key or a limit, not both" }
        if let key = orderKey ?? limit?.key,
            !(1...QueueLimits.orderKeyBytesMax).contains(key.utf8.count) || !QueueLimits.isName(key)
        {
            return "the order key must have 1 to 64 letters, digits, '.', '_', ':' or '-'"
        }
        if let problem = limit?.problem { return problem }
        if let batch, !(1...QueueLimits.idBytesMax).contains(batch.utf8.count) || !QueueLimits.isName(batch) {
            return "the batch must have 1 to 64 letters, digits, '.', '_', ':' or '-'"
        }
        return nil
    }

    /// One pointer in its owner, and none of its fields is touched where there is none.
    indirect enum Box: Sendable { case options(JobOptions) }
}
