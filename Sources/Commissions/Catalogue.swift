package import Core

/// What is frozen at an order's first pricing: the programme's rules, its partners' tiers and states, its products'
/// categories and the policies that can apply. Kept with the order; later changes of these do not reach it.
///
/// It holds *candidates*, not the choice: the choice follows from the facts (a version that arrives late may name
/// another product), and so the end is the same in whatever order they arrived. What a later fact names for the first
/// time is frozen when it is first seen, by ``extend(for:context:)``.
package struct Catalogue: Hashable, Sendable {
    package struct Partner: Hashable, Sendable {
        package let tier: String?
        package let isActive: Bool
        package let customerIDs: Set<String>
    }

    package internal(set) var programme: Programme
    package internal(set) var partners: [UUID: Partner]
    /// The owners of referral codes, `nil` for a code that nobody had when the order first named it: it earns nothing
    /// until an operator attributes the order.
    package internal(set) var referralCodes: [String: UUID?]
    /// Product id to category.
    package internal(set) var categories: [String: String?]
    /// Candidates, by id.
    package internal(set) var policies: [Policy]
    /// Limited policies: whether this order got a use.
    package internal(set) var grants: [UUID: Bool]

    /// Freezes what the state names.
    package init(freezing state: OrderState, context: PricingContext) {
        programme = context.programme
        partners = [:]
        referralCodes = [:]
        categories = [:]
        policies = []
        grants = [:]
        extend(for: state.references, context: context, isFirst: true)
    }

    init(
        programme: Programme, partners: [UUID: Partner], referralCodes: [String: UUID?], categories: [String: String?],
        policies: [Policy], grants: [UUID: Bool]
    ) {
        self.programme = programme
        self.partners = partners
        self.referralCodes = referralCodes
        self.categories = categories
        self.policies = policies
        self.grants = grants
    }

    /// What the state names and the catalogue has not seen: empty means that a pricing needs no look at the database.
    package func missing(for state: OrderState) -> References {
        var references = state.references
        references.partnerIDs = references.partnerIDs.filter { partners[$0] == nil }
        references.referralCodes = references.referralCodes.filter { referralCodes[$0] == nil }
        references.productIDs = references.productIDs.filter { categories[$0] == nil }
        return references
    }

    /// Freezes what the state names for the first time; what is frozen already stays.
    ///
    /// - Parameter context: has to know what ``missing(for:)`` lists.
    /// - Returns: whether anything was added, so that the order's row has to be written.
    @discardableResult
    package mutating func extend(for state: OrderState, context: PricingContext) -> Bool {
        let missing = missing(for: state)
        guard !missing.isEmpty else { return false }
        let before = self
        extend(for: missing, context: context, isFirst: false)
        return self != before
    }

    /// A limited policy's use was granted to this order, or none was left.
    package mutating func decide(_ policyID: UUID, isGranted: Bool) { grants[policyID] = isGranted }

    /// A granted use was given back; if the policy pays again, it is claimed again.
    package mutating func release(_ policyID: UUID) { grants[policyID] = nil }
}
