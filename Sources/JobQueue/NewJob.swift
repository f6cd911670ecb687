import Core

/// A job to be enqueued.
package struct NewJob: Sendable {
    /// What it is known by in its queue, 1 to 64 of `[A-Za-z0-9._:-]`: the same id again is the same job.
    package var id: String
    package var queue: QueueName
    /// What the payload means, with its version: 1 to 64 of `[a-z0-9._-]`, such as `order-event.v1`.
    package var kind: String
    /// The kind's bytes, opaque to the queue; limited by ``JobQueueConfiguration/payloadBytesMax``.
    package var payload: [UInt8]
    /// What it must share a shard with: an order, an endpoint, a referral code.
    package var shardKey: String
    /// Time until it is due, from Redis' now: 0 (the default) to a year; cut to milliseconds.
    package var delay: Duration
    /// Failed runs after which it is dead: 1 to 1000, default 10.
    package var maxAttempts: Int
    /// A W3C `traceparent`, at most 256 bytes; none by default.
    package var traceContext: String?
    /// How early it is leased among those that are ready; normal by default.
    package var priority: PriorityBand
    /// How long after its enqueueing, in Redis' time, a run may begin: 1 ms to a year, longer than the delay; for ever by
    /// default. A job that comes to be leased later is dropped (``JobQueue/onExpired``).
    package var lifetime: Duration? {
        get { options?.lifetime }
        set { change { $0.lifetime = newValue } }
    }
    /// What no other live job of the queue may have; nothing by default.
    package var unique: UniqueKey? {
        get { options?.unique }
        set { change { $0.unique = newValue } }
    }
    /// Jobs of one order key and shard run one after the other, in the order of their enqueueing, whatever their priorities
    /// and delays: 1 to 64 of `[A-Za-z0-9._:-]`, nothing by default.
    ///
    /// One that waits for its next attempt holds those after it back until it succeeds or is dead. A redriven one joins at
    /// the end.
    package var orderKey: String? {
        get { options?.orderKey }
        set { change { $0.orderKey = newValue } }
    }
    /// How many jobs of a key may be out at once, and how often they may start; instead of an ``orderKey``, which is a key of
    /// one place. Nothing by default.
    package var limit: KeyLimit? {
        get { options?.limit }
        set { change { $0.limit = newValue } }
    }
    /// The open batch of the same queue and shard that it joins (``JobBatch``); none by default.
    package var batch: String? {
        get { options?.batch }
        set { change { $0.batch = newValue } }
    }
    /// What two jobs of one id must share to be the same job; the payload by default. For payloads that also say when they
    /// were made, which differs each time.
    package var sameness: [UInt8]?
    private var box: JobOptions.Box?

    package init(
        id: String, queue: QueueName, kind: String, payload: [UInt8], shardKey: String, delay: Duration = .zero,
        maxAttempts: Int = 10, traceContext: String? = nil, sameness: [UInt8]? = nil, priority: PriorityBand = .normal,
        lifetime: Duration? = nil, unique: UniqueKey? = nil, orderKey: String? = nil, limit: KeyLimit? = nil,
        batch: String? = nil
    ) {
        self.id = id
        self.queue = queue
        self.kind = kind
        self.payload = payload
        self.shardKey = shardKey
        self.delay = delay
        self.maxAttempts = maxAttempts
        self.traceContext = traceContext
        self.sameness = sameness
        self.priority = priority
        if lifetime == nil, unique == nil, orderKey == nil, limit == nil, batch == nil { return }
        change {
            $0.lifetime = lifetime
            $0.unique = unique
            $0.orderKey = orderKey
            $0.limit = limit
            $0.batch = batch
        }
    }

    /// `nil` for most jobs.
    var options: JobOptions? {
        guard case .options(let options) = box else { return nil }
        return options
    }

    private mutating func change(_ change: (inout JobOptions) -> Void) {
        var options = self.options ?? JobOptions()
        change(&options)
        box = options.isEmpty ? nil : .options(options)
    }

    /// What forbids to enqueue it, in words; `nil` when nothing does. O(id)
    package func problem(payloadBytesMax: Int) -> String? {
        if !(1...QueueLimits.idBytesMax).contains(id.utf8.count) { return "the id must have 1 to 64 letters" }
        if !QueueLimits.isName(id) {
            return "the id may hold letters, digits, '.', '_', ':' and '-' only"
        }
        if !(1...QueueLimits.kindBytesMax).contains(kind.utf8.count) { return "the kind must have 1 to 64 letters" }
        if payload.count > payloadBytesMax { return "the payload is larger than \(payloadBytesMax) bytes" }
        if !(1...QueueLimits.attemptsMax).contains(maxAttempts) { return "the attempts must be from 1 to 1000" }
        if delay < .zero || delay > QueueLimits.delayMax { return "the delay must be from 0 to 366 days" }
        if let options, let problem = options.problem(delay: delay) { return problem }
        if let traceContext, traceContext.utf8.count > QueueLimits.traceContextBytesMax {
            return "the trace context is larger than 256 bytes"
        }
        return nil
    }
}
