package import Core

/// One version of a policy. It never changes once it was used: editing makes a new version with an id of its own.
package struct Policy: Hashable, Sendable {
    /// Of this version.
    package var id: UUID
    package var code: String
    package var version: Int64
    /// A word for people (`DEFAULT`, `TIER_BASED`, `PROMOTIONAL`...); the choice does not rest on it.
    package var type: String
    /// The higher one is chosen.
    package var priority: Int64
    package var conditions: PolicyConditions
    package var commission: CommissionRule
    /// Of fixed amounts, minimum and maximum; the policy holds for orders of this currency only. `nil` holds for all,
    /// and its amounts are minor units of whatever the order has.
    package var currency: Currency?
    /// Of all of an order's lines that this policy pays, minor units. It shrinks with refunds like a fixed amount.
    package var minCommission: Int64?
    package var maxCommission: Int64?
    /// Orders that may use it; `nil` is without limit.
    package var maxUsageTotal: Int64?
    /// Whether it pays beside others that say so too.
    package var stacks: Bool
    package var rounding: Rounding
    package var refundMode: RefundMode
    package var createdAt: EpochMilliseconds

    package init(
        id: UUID, code: String, version: Int64 = 1, type: String = "DEFAULT", priority: Int64 = 0,
        conditions: PolicyConditions, commission: CommissionRule, currency: Currency? = nil,
        minCommission: Int64? = nil, maxCommission: Int64? = nil, maxUsageTotal: Int64? = nil, stacks: Bool = false,
        rounding: Rounding = .halfEven, refundMode: RefundMode = .proportional,
        createdAt: EpochMilliseconds = EpochMilliseconds(rawValue: 0)
    ) {
        self.id = id
        self.code = code
        self.version = version
        self.type = type
        self.priority = priority
        self.conditions = conditions
        self.commission = commission
        self.currency = currency
        self.minCommission = minCommission
        self.maxCommission = maxCommission
        self.maxUsageTotal = maxUsageTotal
        self.stacks = stacks
        self.rounding = rounding
        self.refundMode = refundMode
        self.createdAt = createdAt
    }
}

/// How a fixed amount, and a minimum, follow a partial refund.
package enum RefundMode: String, CaseIterable, Hashable, Sendable {
    case proportional
    /// In full until everything it pays for is refunded, then nothing.
    case allOrNothing = "all_or_nothing"
}
