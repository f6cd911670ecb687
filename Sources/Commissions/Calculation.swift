/// How an amount came about, kept with the commission so that it can be explained.
package struct Calculation: Hashable, Sendable {
    /// What one policy pays for its lines.
    package struct Part: Hashable, Sendable {
        package let policy: Policy
        package let lineIDs: [String]
        package let base: Int64
        package let net: Int64
        /// Before minimum and maximum.
        package let raw: Int64
        package let amount: Int64
        /// ``ReasonCode/capped`` or ``ReasonCode/raisedToMinimum``.
        package let bound: ReasonCode?
    }

    /// Why a policy was chosen for a product or not.
    package struct Trial: Hashable, Sendable {
        package let productID: String?
        package let verdicts: [PolicyVerdict]
    }

    package let trials: [Trial]
    package let parts: [Part]
    /// The commission on the whole order before it is shared: the sum of the parts.
    package let whole: Int64
    /// This partner's share of it.
    package let share: Int64
    package let basisPoints: Int64
    package let adjustment: Adjustment?
    /// What is paid: the share, or what the adjustment makes of it.
    package let amount: Int64
}
