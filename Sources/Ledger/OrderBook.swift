import Commissions
package import Core
package import EventLoop
package import Postgres

/// The books of all orders: stores facts, and brings conversions and money to what the facts say.
///
/// Whoever touches an order's facts, money or status comes through here and holds the order's lock: the workers, the 2 AM
/// batch, the inspector. *Store the facts, derive the target, post the delta.* Every method may be repeated: what is done
/// is found done.
@Loop
package final class OrderBook {
    /// A step of pricing that an order owes: hint for the queue `commissions`.
    package struct OwedPricing: Hashable, Sendable {
        package let orderID: UUID
        package let factsSeq: Int64

        package init(orderID: UUID, factsSeq: Int64) {
            self.orderID = orderID
            self.factsSeq = factsSeq
        }
    }

    /// A delivery that is owed: hint for the queue `webhooks`.
    package struct OwedDelivery: Hashable, Sendable {
        package let deliveryID: UUID
        package let endpointID: UUID
        /// Attempts made so far.
        package let attempt: Int64
        /// How long it is not due yet.
        package let delay: Duration

        package init(deliveryID: UUID, endpointID: UUID, attempt: Int64, delay: Duration) {
            self.deliveryID = deliveryID
            self.endpointID = endpointID
            self.attempt = attempt
            self.delay = delay
        }
    }

    /// How many batches found an order locked by another one, for the report of the fleet test.
    package struct Contention: Sendable {
        package var batches: Int64 = 0
        package var orders: Int64 = 0
        package var waitedMicroseconds: Int64 = 0
    }

    let pool: PostgresPool
    let faults: LedgerFaults
    package internal(set) var contention = Contention()
    /// Versions of policies that were read once: a version never changes, so it need not be read again.
    var policyVersions: [UUID: Policy] = [:]

    /// An order that names a click which is not stored yet waits for it until the click's own time plus this.
    nonisolated static let touchPatience: Duration = .seconds(15 * 60)
    /// Between two looks for such a click.
    nonisolated static let touchRetryInterval: Duration = .seconds(5)

    package init(pool: PostgresPool, faults: LedgerFaults = []) {
        self.pool = pool
        self.faults = faults
    }
}
