package import Core

/// When a policy holds. `nil` means any.
package struct PolicyConditions: Hashable, Sendable {
    package var partnerID: UUID?
    package var productID: String?
    package var category: String?
    /// Lower case.
    package var tier: String?
    package var requiresNewCustomer: Bool
    /// Half open: `validFrom <= conversion < validUntil`.
    package var validFrom: EpochMilliseconds
    package var validUntil: EpochMilliseconds

    package init(
        partnerID: UUID? = nil, productID: String? = nil, category: String? = nil, tier: String? = nil,
        requiresNewCustomer: Bool = false, validFrom: EpochMilliseconds = EpochMilliseconds(rawValue: .min),
        validUntil: EpochMilliseconds = EpochMilliseconds(rawValue: .max)
    ) {
        self.partnerID = partnerID
        self.productID = productID
        self.category = category
        self.tier = tier
        self.requiresNewCustomer = requiresNewCustomer
        self.validFrom = validFrom
        self.validUntil = validUntil
    }

    /// Partner and product > partner > product > category > tier > new customer > none: 6 to 0.
    package var specificity: Int {
        if partnerID != nil { return productID != nil ? 6 : 5 }
        if productID != nil { return 4 }
        if category != nil { return 3 }
        if tier != nil { return 2 }
        return requiresNewCustomer ? 1 : 0
    }
}
