import Core

extension Catalogue {
    mutating func extend(for missing: References, context: PricingContext, isFirst: Bool) {
        let before = isFirst ? nil : Reach(self)
        for code in missing.referralCodes {
            referralCodes[code] = .some(context.referralCodes[code])
        }
        for id in missing.partnerIDs.union(missing.referralCodes.compactMap { context.referralCodes[$0] }) {
            guard partners[id] == nil, let partner = context.partners[id] else { continue }
            partners[id] = Partner(
                tier: partner.tier?.lowercased(), isActive: partner.isActive, customerIDs: partner.customerIDs)
        }
        for product in missing.productIDs {
            categories[product] = .some(context.categories[product])
        }
        let after = Reach(self)
        let added = context.policies.filter { policy in
            after.covers(policy.conditions) && before?.covers(policy.conditions) != true
                && !policies.contains { $0.id == policy.id }
        }
        guard !added.isEmpty else { return }
        policies = (policies + added).sorted { $0.id < $1.id }
    }

    /// Which policies can apply to what was seen so far. A policy becomes a candidate when it comes into reach; one
    /// that was in reach before and is no candidate came later than the freezing and stays out.
    private struct Reach {
        let partnerIDs: Set<UUID>
        let tiers: Set<String>
        let productIDs: Set<String>
        let categories: Set<String>

        init(_ catalogue: Catalogue) {
            partnerIDs = Set(catalogue.partners.keys)
            tiers = Set(catalogue.partners.values.compactMap(\.tier))
            productIDs = Set(catalogue.categories.keys)
            categories = Set(catalogue.categories.values.compactMap { $0 })
        }

        func covers(_ conditions: PolicyConditions) -> Bool {
            conditions.partnerID.map(partnerIDs.contains) ?? true
                && conditions.productID.map(productIDs.contains) ?? true
                && conditions.category.map(categories.contains) ?? true
                && conditions.tier.map(tiers.contains) ?? true
        }
    }
}
