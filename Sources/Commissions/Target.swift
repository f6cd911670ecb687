package import Core

/// What an order's books have to say: a pure function of its facts and its frozen catalogue. See ``target(_:_:)``.
package struct Target: Hashable, Sendable {
    package let conversion: ConversionStatus
    /// `nil` while no version of the order is known.
    package let attribution: Attribution?
    /// Empty until the order is confirmed or cancelled: before that there is no commission. Each partner that ever
    /// touched the order is here, with amount 0 and a reason if it earns nothing.
    package let perPartner: [PartnerTarget]
    /// Limited policies that pay and whose use is neither granted nor refused yet, by id: claim them in this order,
    /// tell ``Catalogue/decide(_:isGranted:)``, and compute the target again.
    package let policyClaims: [UUID]
    /// Granted policies that pay no more, by id: give the use back and tell ``Catalogue/release(_:)``.
    package let policyReleases: [UUID]

    /// What is due to a partner; `nil` when the target does not name it (its balance for this order is 0).
    package subscript(partnerID: UUID) -> PartnerTarget? { perPartner.first { $0.partnerID == partnerID } }
}

/// What one partner's commission for the order has to be.
package struct PartnerTarget: Hashable, Sendable {
    package enum Standing: String, Hashable, Sendable {
        case live
        /// Amount 0; the order was cancelled, refunded in full, or an operator ended it.
        case cancelled
        /// Amount 0; there was never anything to earn, for the reason beside it.
        case notPayable = "not_payable"
    }

    package let partnerID: UUID
    package let money: Money
    package let basisPoints: Int64
    package let standing: Standing
    /// Always there when the amount is 0.
    package let reason: ReasonCode?
    /// The policy that pays most of it; `nil` when none does.
    package let policyID: UUID?
    package let calculation: Calculation?
}
