import Core

/// Decides who gets the credit for an order.
///
/// The ladder: the click that the order names; then clicks tied to it by session, customer or fingerprint, of its
/// referral code if it names one; then the code alone. A click that does not count (too old, filtered) still stands in the
/// way of "the code alone", or the window would mean nothing. `nil` while the order is not known.
package func attribute(_ state: OrderState, _ catalogue: Catalogue) -> Attribution? {
    guard let choice = state.choice, let convertedAt = state.convertedAt else { return nil }
    let examined = state.touches.map { Examined($0, choice: choice, convertedAt: convertedAt, catalogue: catalogue) }
    var credits = Credits()
    if let act = state.operatorAttributions.last, let partnerID = act.partnerID {
        credits.give(10_000, to: partnerID, evidence: .operator)
    } else {
        credits.decide(examined, choice: choice, convertedAt: convertedAt, catalogue: catalogue)
    }
    return credits.attribution(of: state, examined: examined, catalogue: catalogue)
}

/// A touch, and whether it counts.
private struct Examined {
    let touch: Touch
    /// The order names this click.
    let isNamed: Bool
    /// Why it does not count.
    let reason: ReasonCode?

    init(_ touch: Touch, choice: OrderVersion, convertedAt: EpochMilliseconds, catalogue: Catalogue) {
        self.touch = touch
        isNamed = choice.clickID.flatMap { UUID($0) } == touch.clickID
        let age = coarseAge(from: touch.clickedAt, to: convertedAt)
        if !touch.isValid {
            reason = .clickFiltered
        } else if age > catalogue.programme.window.milliseconds {
            reason = .windowExpired
        } else if age < -catalogue.programme.tolerance.milliseconds, !isNamed {
            // A click that the order names proves by itself that it came before.
            reason = .clickAfterConversion
        } else {
            reason = nil
        }
    }
}

/// The credit as it is given out.
private struct Credits {
    private struct Credit {
        let partnerID: UUID
        var basisPoints: Int64
        var evidence: Evidence
        var clickID: UUID?
        /// Of a touch that does not count and is all there is.
        var reason: ReasonCode?
    }

    private var credits: [Credit] = []
    private var byClick: [UUID: Int64] = [:]
    private var reason: ReasonCode?

    mutating func give(
        _ basisPoints: Int64, to partnerID: UUID, evidence: Evidence, clickID: UUID? = nil, reason: ReasonCode? = nil
    ) {
        if let clickID { byClick[clickID] = basisPoints }
        if let index = credits.firstIndex(where: { $0.partnerID == partnerID }) {
            credits[index].basisPoints += basisPoints
            credits[index].evidence = evidence
            credits[index].clickID = clickID
        } else {
            credits.append(
                Credit(
                    partnerID: partnerID, basisPoints: basisPoints, evidence: evidence, clickID: clickID,
                    reason: reason))
        }
    }

    private mutating func give(all basisPoints: Int64, to examined: Examined) {
        give(
            basisPoints, to: examined.touch.partnerID, evidence: examined.isNamed ? .click : examined.touch.evidence,
            clickID: examined.touch.clickID, reason: examined.reason)
    }

    mutating func decide(
        _ examined: [Examined], choice: OrderVersion, convertedAt: EpochMilliseconds, catalogue: Catalogue
    ) {
        let counting = examined.filter { $0.reason == nil }
        let owner = choice.referralCode.flatMap { catalogue.referralCodes[$0] ?? nil }
        switch catalogue.programme.model {
        case .lastClick:
            if let named = counting.last(where: \.isNamed) { return give(all: 10_000, to: named) }
            let ofCode = counting.filter {
                choice.referralCode == nil || $0.touch.referralCode == choice.referralCode
                    || $0.touch.partnerID == owner
            }
            if let last = ofCode.last { return give(all: 10_000, to: last) }
        case .firstClick:
            if let first = counting.first { return give(all: 10_000, to: first) }
        case .linear, .positionBased, .timeDecay:
            if !counting.isEmpty {
                let aloneID = owner.flatMap { owner in
                    examined.contains { $0.touch.partnerID == owner && $0.reason != .clickAfterConversion }
                        ? nil : owner
                }
                return share(among: counting, codeAlone: aloneID, convertedAt: convertedAt, in: catalogue.programme)
            }
        }
        decideWithoutClick(examined, code: choice.referralCode, owner: owner)
    }

    /// No click counts: the code alone, or the click that does not count with its reason, or nobody.
    private mutating func decideWithoutClick(_ examined: [Examined], code: String?, owner: UUID?) {
        let discarded = examined.filter { $0.reason != nil && $0.reason != .clickAfterConversion }
        if code != nil {
            guard let owner else { return reason = .unknownReferralCode }
            if let last = discarded.last(where: { $0.touch.partnerID == owner }) {
                return give(all: 10_000, to: last)
            }
            return give(10_000, to: owner, evidence: .code)
        }
        if let last = discarded.last(where: \.isNamed) ?? discarded.last {
            return give(all: 10_000, to: last)
        }
        reason = .unattributed
    }

    /// Several touches share. A partner whom the order names by code, and of whom no click is known, counts as the last.
    private mutating func share(
        among touches: [Examined], codeAlone: UUID?, convertedAt: EpochMilliseconds, in programme: Programme
    ) {
        var times = touches.map(\.touch.clickedAt)
        if codeAlone != nil { times.append(convertedAt) }
        let parts = basisPoints(programme.model, times: times, halfLife: programme.halfLife)
        for (examined, part) in zip(touches, parts) { give(all: part, to: examined) }
        if let codeAlone, let part = parts.last { give(part, to: codeAlone, evidence: .code) }
    }

    func attribution(of state: OrderState, examined: [Examined], catalogue: Catalogue) -> Attribution {
        let customerID = state.choice?.customerID
        func partnerReason(_ partnerID: UUID) -> ReasonCode? {
            guard let partner = catalogue.partners[partnerID] else { return .partnerUnknown }
            if let customerID, partner.customerIDs.contains(customerID) { return .selfReferral }
            return partner.isActive ? nil : .partnerInactive
        }
        var shares = credits.map { credit in
            Attribution.Share(
                partnerID: credit.partnerID, basisPoints: credit.basisPoints, evidence: credit.evidence,
                clickID: credit.clickID,
                reason: credit.basisPoints == 0
                    ? .outranked : credit.reason ?? partnerReason(credit.partnerID))
        }
        // Whoever may have been credited while fewer facts were known has to be told 0.
        let credited = Set(credits.map(\.partnerID))
        for contender in Self.contenders(state, catalogue).subtracting(credited).sorted() {
            let touch = examined.last { $0.touch.partnerID == contender }
            shares.append(
                Attribution.Share(
                    partnerID: contender, basisPoints: 0, evidence: touch?.touch.evidence ?? .code,
                    clickID: touch?.touch.clickID, reason: touch?.reason ?? .outranked))
        }
        let verdicts = examined.map { examined in
            let part = byClick[examined.touch.clickID] ?? 0
            return Attribution.Verdict(
                touch: examined.touch, basisPoints: part, reason: examined.reason ?? (part == 0 ? .outranked : nil))
        }
        return Attribution(model: catalogue.programme.model, shares: shares, verdicts: verdicts, reason: reason)
    }

    private static func contenders(_ state: OrderState, _ catalogue: Catalogue) -> Set<UUID> {
        var partnerIDs = Set(state.touches.map(\.partnerID))
        partnerIDs.formUnion(state.operatorAttributions.compactMap(\.partnerID))
        for known in state.versions + state.otherCurrency {
            if let code = known.version.referralCode, let owner = catalogue.referralCodes[code] ?? nil {
                partnerIDs.insert(owner)
            }
        }
        return partnerIDs
    }
}
