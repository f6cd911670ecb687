package import Core

/// One entry of a job's history: it keeps the last five.
package struct JobFailure: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable {
        /// A run failed.
        case failed = 1
        /// Its lease expired while it was leased alone; the message names the worker.
        case crashed = 2
        /// It was buried: failed for good.
        case buried = 3
    }

    /// Redis' time.
    package let at: EpochMilliseconds
    /// Which run, 1 for the first.
    package let attempt: Int
    package let kind: Kind
    /// At most 300 bytes.
    package let message: String
}
