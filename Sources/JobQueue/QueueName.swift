/// The queues of the fleet, in the order of the work's way through it.
///
/// The raw value stands in Redis keys, logs and metrics, and must not change once released.
package enum QueueName: String, CaseIterable, Hashable, Sendable {
    /// Referral clicks, to be written in bulk.
    case clicks
    /// Events of the order systems, to be stored as facts.
    case conversions
    /// Orders to be priced.
    case commissions
    /// Deliveries to partners' endpoints.
    case webhooks
    /// Mail and chat messages.
    case notifications
    /// Batch runs: confirmation, reports, reconciliation, retention.
    case batches

    /// Whether completed ids are remembered for a time, so that a producer's repeat after the end changes nothing.
    ///
    /// Only queues fed from outside need it: the others' ids are derived, and their handlers look at the owed row first.
    package var remembersCompletedJobs: Bool { self == .clicks || self == .conversions }

    /// Its place in `allCases`, for tables.
    var ordinal: Int {
        switch self {
        case .clicks: 0
        case .conversions: 1
        case .commissions: 2
        case .webhooks: 3
        case .notifications: 4
        case .batches: 5
        }
    }
}
