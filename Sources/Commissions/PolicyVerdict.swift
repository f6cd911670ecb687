package import Core

/// What became of one candidate when a policy was chosen.
package struct PolicyVerdict: Hashable, Sendable {
    package enum Outcome: String, CaseIterable, Hashable, Sendable {
        case chosen
        /// Pays beside the chosen one.
        case stacked
        case lowerRank = "lower_rank"
        /// A newer version of the same code holds as well.
        case superseded
        case notYetValid = "not_yet_valid"
        case expired
        case otherPartner = "other_partner"
        case otherProduct = "other_product"
        case otherCategory = "other_category"
        case otherTier = "other_tier"
        case newCustomersOnly = "new_customers_only"
        case otherCurrency = "other_currency"
        case exhausted
    }

    package let policyID: UUID
    package let code: String
    package let version: Int64
    package let outcome: Outcome
}
