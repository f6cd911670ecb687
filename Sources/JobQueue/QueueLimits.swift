/// The queue's limits, all together; those of the Lua files' loops stand there and are named the same way.
package enum QueueLimits {
    /// Bytes of a job's id.
    package static let idBytesMax = 64
    /// Bytes of a kind.
    package static let kindBytesMax = 64
    /// Bytes of a trace context (a W3C `traceparent` has 55).
    package static let traceContextBytesMax = 256
    /// Bytes of one failure's message in a job's history.
    package static let failureBytesMax = 300
    /// The farthest a delay reaches.
    package static let delayMax = Duration.seconds(366 * 86_400)
    /// Attempts a job may be given.
    package static let attemptsMax = 1000
    /// Jobs of one enqueue script, and jobs or follow-ups of one settle script: Lua's `unpack` takes some 7,900 values.
    package static let scriptJobsMax = 1000
    /// What a job with a unique or order key weighs in a script beside others, so that none takes above 5 ms.
    static let belongingsWeight = 4
    /// Payload bytes of one enqueue script, so that no single call keeps Redis busy for long.
    package static let scriptBytesMax = 4 << 20
    /// Jobs of one lease.
    package static let leaseJobsMax = 500
    /// Acknowledgements that wait for the reply before them before they go out beside it.
    static let settleGatherMax = 256
    /// Bytes of a unique key.
    package static let uniqueKeyBytesMax = 64
    /// Bytes of an order key.
    package static let orderKeyBytesMax = 64
    /// Completed jobs a queue may keep.
    package static let keptMax = 10_000_000
    /// Jobs a queue may be limited to.
    package static let lengthMax = 100_000_000
    /// Places of a queue as a whole.
    package static let placesMax = 1_000_000
    /// The weight of a process, or of a queue in a source of several.
    package static let weightMax = 100
    /// Bytes of a guard.
    package static let guardBytesMax = 64
    /// Guards of one generation in one shard: some 30 MB with what they name.
    package static let guardsMax = 200_000
    /// Bytes of one line of a job's log; all of them together have 4 KiB.
    package static let logLineBytesMax = 500
    /// Letters of a worker's name.
    static let workerNameBytesMax = 80
    /// Dead letters of one page or one redrive script.
    package static let deadLettersPageMax = 200
    /// Bytes of the records of one look of a scan: beyond it the look ends early.
    static let scanBytesMax = 256 << 10

    /// Whether a text is made of the letters that ids and keys are made of.
    static func isName(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == 46 || $0 == 95 || $0 == 58 || $0 == 45 }
    }
}
