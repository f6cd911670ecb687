package import Core

/// Who gets the credit for an order, and why the others do not.
package struct Attribution: Hashable, Sendable {
    /// One partner's part. `basisPoints` is 0 for a partner whose touch was outranked or does not count.
    package struct Share: Hashable, Sendable {
        package let partnerID: UUID
        package let basisPoints: Int64
        package let evidence: Evidence
        /// The deciding click: the last of those that earned the share.
        package let clickID: UUID?
        /// Why this partner is paid nothing; `nil` when it is paid.
        package let reason: ReasonCode?
    }

    /// What became of one touch.
    package struct Verdict: Hashable, Sendable {
        package let touch: Touch
        package let basisPoints: Int64
        package let reason: ReasonCode?
    }

    package let model: AttributionModel
    /// Those with credit first, in the order of their touches; their basis points sum to 10,000, or there are none.
    package let shares: [Share]
    package let verdicts: [Verdict]
    /// Why nobody is credited: `unattributed` or `unknown_referral_code`; `nil` when somebody is.
    package let reason: ReasonCode?

    /// Why nobody is paid: ``reason``, or that of the leading share when no credited one pays. `nil` when somebody can be.
    package var unpaidReason: ReasonCode? {
        if let reason { return reason }
        return shares.contains { $0.basisPoints > 0 && $0.reason == nil } ? nil : leading?.reason
    }

    /// The partner that the conversion's row names: the largest share, of equal ones the later.
    package var leading: Share? {
        var leading: Share?
        for share in shares where share.basisPoints > 0 && share.basisPoints >= leading?.basisPoints ?? 0 {
            leading = share
        }
        return leading
    }
}
