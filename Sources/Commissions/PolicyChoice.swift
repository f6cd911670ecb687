package import Core

/// What a policy is asked to hold for: one partner and one line of an order.
package struct PolicyQuestion: Hashable, Sendable {
    package var partnerID: UUID
    package var tier: String?
    package var productID: String?
    package var category: String?
    package var isNewCustomer: Bool
    package var convertedAt: EpochMilliseconds
    package var currency: Currency

    package init(
        partnerID: UUID, tier: String? = nil, productID: String? = nil, category: String? = nil,
        isNewCustomer: Bool = false, convertedAt: EpochMilliseconds, currency: Currency
    ) {
        self.partnerID = partnerID
        self.tier = tier
        self.productID = productID
        self.category = category
        self.isNewCustomer = isNewCustomer
        self.convertedAt = convertedAt
        self.currency = currency
    }
}

/// The policies that pay for a line, and what became of each candidate.
package struct PolicyChoice: Hashable, Sendable {
    /// The chosen one first, then those that pay beside it; empty when none holds.
    package let policies: [Policy]
    /// Of every candidate, in order of rank.
    package let verdicts: [PolicyVerdict]

    /// Conditions hold, then highest priority, then more specific, then newest version, then id.
    ///
    /// - Parameter exhausted: limited policies whose uses are spent.
    package init(_ question: PolicyQuestion, among candidates: [Policy], exhausted: Set<UUID> = []) {
        let ranked = candidates.sorted(by: Self.outranks)
        // Of several versions of one code that hold, the newest speaks for the code, spent or not.
        var newest: [String: Int64] = [:]
        let hindrances = ranked.map { policy in
            let hindrance = Self.hindrance(policy, question)
            if hindrance == nil { newest[policy.code] = max(newest[policy.code] ?? .min, policy.version) }
            return hindrance
        }
        var policies: [Policy] = []
        var verdicts: [PolicyVerdict] = []
        for (policy, hindrance) in zip(ranked, hindrances) {
            var outcome: PolicyVerdict.Outcome
            if let hindrance {
                outcome = hindrance
            } else if newest[policy.code] != policy.version {
                outcome = .superseded
            } else if let first = policies.first {
                outcome = first.stacks && policy.stacks ? .stacked : .lowerRank
            } else {
                outcome = .chosen
            }
            if outcome == .chosen || outcome == .stacked {
                // Asked last: whether a use was refused while fewer facts were known must not show elsewhere.
                if exhausted.contains(policy.id) { outcome = .exhausted } else { policies.append(policy) }
            }
            verdicts.append(
                PolicyVerdict(policyID: policy.id, code: policy.code, version: policy.version, outcome: outcome))
        }
        self.policies = policies
        self.verdicts = verdicts
    }

    private static func outranks(_ left: Policy, _ right: Policy) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        let (specific, other) = (left.conditions.specificity, right.conditions.specificity)
        if specific != other { return specific > other }
        if left.createdAt != right.createdAt { return left.createdAt > right.createdAt }
        if left.version != right.version { return left.version > right.version }
        return left.id < right.id
    }

    /// Why a policy does not hold.
    private static func hindrance(_ policy: Policy, _ question: PolicyQuestion) -> PolicyVerdict.Outcome? {
        let conditions = policy.conditions
        if question.convertedAt < conditions.validFrom { return .notYetValid }
        if question.convertedAt >= conditions.validUntil { return .expired }
        if let partnerID = conditions.partnerID, partnerID != question.partnerID { return .otherPartner }
        if let productID = conditions.productID, productID != question.productID { return .otherProduct }
        if let category = conditions.category, category != question.category { return .otherCategory }
        if let tier = conditions.tier, tier != question.tier { return .otherTier }
        if conditions.requiresNewCustomer, !question.isNewCustomer { return .newCustomersOnly }
        if let currency = policy.currency, currency != question.currency { return .otherCurrency }
        return nil
    }
}
