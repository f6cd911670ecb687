/// The limits of what the ingest takes, all together. Those of texts, amounts and lines are the facts' own: whatever is
/// accepted here can be stored there.
package enum IngestLimits {
    /// Bytes of a request's body: 1 MiB.
    package static let bodyBytesMax = 1 << 20
    /// Elements of a batch.
    package static let batchElementsMax = 1000
    /// Bytes of an event's or an order's id.
    package static let idBytesMax = 128
    /// Bytes of any other text.
    package static let textBytesMax = 512
    /// Lines of an order or a refund.
    package static let linesMax = 1000
    /// An amount in minor units: 10^15.
    package static let amountMax: Int64 = 1_000_000_000_000_000
    package static let quantityMax: Int64 = 1_000_000_000
    /// Problems that one answer names.
    package static let fieldProblemsMax = 20
    /// Clicks of one address in ``clickWindow``.
    package static let clicksMax = 100
    package static let clickWindow = Duration.seconds(900)
    /// How long the same visitor's next click of a partner is a duplicate.
    package static let duplicateWindow = Duration.seconds(86_400)
    /// Look-ups of unknown names that PostgreSQL is asked at a time; beyond that 503.
    package static let missesInFlightMax = 32
    /// Unknown names that are remembered, and for how long.
    package static let missesMax = 10_000
    package static let missAge = Duration.seconds(5)
    /// Bytes of a hook's body that are kept when it cannot be used: with base64 it fits into a job.
    package static let unusableBytesMax = 160 << 10
}
