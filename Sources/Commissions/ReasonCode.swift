/// Why a conversion or a commission is what it is, above all why it pays nothing: stored with the row and shown.
package enum ReasonCode: String, CaseIterable, Hashable, Sendable, Error {
    // Of an attribution.
    /// The order names neither click nor code, and no click is known.
    case unattributed
    case unknownReferralCode = "unknown_referral_code"
    /// The click lies further back than the programme's window.
    case windowExpired = "window_expired"
    case clickAfterConversion = "click_after_conversion"
    /// A bot's, a duplicate or a limited click.
    case clickFiltered = "click_filtered"
    case selfReferral = "self_referral"
    case partnerInactive = "partner_inactive"
    case partnerUnknown = "partner_unknown"
    /// Another partner's touches got the credit.
    case outranked
    // Of a commission's end.
    case orderCancelled = "order_cancelled"
    case fullyRefunded = "fully_refunded"
    case operatorCancelled = "operator_cancelled"
    case disputeLost = "dispute_lost"
    // Of an amount.
    case noPolicy = "no_policy"
    case noBase = "no_base"
    case roundedToZero = "rounded_to_zero"
    case capped
    case raisedToMinimum = "raised_to_minimum"
    case adjusted
}
