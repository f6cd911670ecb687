package import Core

/// What ties a click to an order, strongest first.
package enum Evidence: String, CaseIterable, Hashable, Sendable {
    /// The order names the click's id.
    case click
    case session
    case customer
    case fingerprint
    /// The order names the referral code and no click is known.
    case code
    /// An operator said so.
    case `operator`
}

/// A click that may have led to the order. It is a fact and may come late.
package struct Touch: Hashable, Sendable {
    package var clickID: UUID
    package var partnerID: UUID
    package var referralCode: String
    /// When the click was made, in the time of the ingest.
    package var clickedAt: EpochMilliseconds
    /// Whether the click passed the filter (no bot, no duplicate, no limit).
    package var isValid: Bool
    /// ``Evidence/click``, `.session`, `.customer` or `.fingerprint`.
    package var evidence: Evidence
    /// Why it is not valid.
    package var reason: String?

    package init(
        clickID: UUID, partnerID: UUID, referralCode: String, clickedAt: EpochMilliseconds, isValid: Bool = true,
        evidence: Evidence, reason: String? = nil
    ) {
        self.clickID = clickID
        self.partnerID = partnerID
        self.referralCode = referralCode
        self.clickedAt = clickedAt
        self.isValid = isValid
        self.evidence = evidence
        self.reason = reason
    }

    /// A click touches an order once, whatever ties it.
    package var key: String { clickID.description }
}
