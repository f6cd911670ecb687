package import Core

/// A partner as the database knows it now.
package struct PartnerFacts: Hashable, Sendable {
    package var id: UUID
    package var referralCode: String
    /// Lower case (`gold`); `nil` when the partner has none.
    package var tier: String?
    package var isActive: Bool
    /// The customer ids under which the partner itself buys: such an order is a self-referral.
    package var customerIDs: Set<String>

    package init(
        id: UUID, referralCode: String, tier: String? = nil, isActive: Bool = true, customerIDs: Set<String> = []
    ) {
        self.id = id
        self.referralCode = referralCode
        self.tier = tier
        self.isActive = isActive
        self.customerIDs = customerIDs
    }
}
