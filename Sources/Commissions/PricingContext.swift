package import Core

/// What the database says at the moment of a pricing; ``Catalogue`` freezes what the order needs of it.
package struct PricingContext: Sendable {
    package var programme: Programme
    /// At least those of ``References/partnerIDs`` and the owners of ``References/referralCodes``.
    package var partners: [UUID: PartnerFacts]
    /// The owners of referral codes; a code that is absent is unknown.
    package var referralCodes: [String: UUID]
    /// Product id to category, at least those of ``References/productIDs`` that have one.
    package var categories: [String: String]
    /// The programme's active policies.
    package var policies: [Policy]

    package init(
        programme: Programme, partners: [PartnerFacts], categories: [String: String] = [:], policies: [Policy]
    ) {
        self.programme = programme
        self.partners = Dictionary(partners.map { ($0.id, $0) }) { first, _ in first }
        referralCodes = Dictionary(partners.map { ($0.referralCode, $0.id) }) { first, _ in first }
        self.categories = categories
        self.policies = policies
    }
}

/// What an order's facts name, to be looked up before its pricing.
package struct References: Hashable, Sendable {
    package var partnerIDs: Set<UUID> = []
    package var referralCodes: Set<String> = []
    package var productIDs: Set<String> = []

    package init() {}

    package var isEmpty: Bool { partnerIDs.isEmpty && referralCodes.isEmpty && productIDs.isEmpty }
}
