package import Core

/// A job under a lease: what a handler gets.
package struct LeasedJob: Sendable {
    package let id: String
    package let lease: Lease
    package let kind: String
    package let payload: [UInt8]
    /// Which run this is: 1 for the first.
    package let attempt: Int
    package let maxAttempts: Int
    /// Leases that expired while it was leased alone.
    package let crashes: Int
    /// Redis' time.
    package let enqueuedAt: EpochMilliseconds
    package let traceContext: String?
    package let priority: PriorityBand
    /// When it may not begin to run any more, in Redis' time; `nil` for never.
    package let deadline: EpochMilliseconds?
    package var unique: UniqueKey? { extent?.unique }
    package var orderKey: String? { extent?.orderKey }
    package var batch: String? { extent?.batch }
    /// What went wrong before, oldest first, at most five.
    package let failures: [JobFailure]
    let digest: UInt64
    /// Whether its end changes more than its record.
    let hasBelongings: Bool
    private let box: JobExtension.Box?

    private var extent: JobExtension? { box?.extent }

    package var queue: QueueName { lease.queue }
    package var shard: Int { lease.shard }
    package var fence: Int64 { lease.fence }
    /// Whether a retry would end it dead. Whoever owes it a row tells the row first.
    package var isLastAttempt: Bool { attempt >= maxAttempts }

    init(id: String, lease: Lease, record: JobRecord) {
        self.id = id
        self.lease = lease
        kind = record.kind
        payload = record.payload
        attempt = record.attempt + 1
        maxAttempts = record.maxAttempts
        crashes = record.crashes
        enqueuedAt = record.enqueuedAt
        traceContext = record.traceContext
        priority = record.priority
        deadline = record.deadline
        box = record.box
        hasBelongings = record.box?.extent.belongings ?? false
        failures = record.failures
        digest = record.digest
    }
}
