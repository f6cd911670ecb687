import Core

/// What the books have to say about an order: `target(facts, frozen catalogue) → money for each partner`.
///
/// Pure. The ledger posts the difference between this and the sum of its entries, see ``deltas(to:posted:)``.
package func target(_ state: OrderState, _ catalogue: Catalogue) -> Target {
    let attribution = attribute(state, catalogue)
    var perPartner: [PartnerTarget] = []
    var paying: [Policy] = []
    if let attribution, let pricing = Pricing(state, catalogue, attribution),
        state.confirmation != nil || state.cancellation != nil
    {
        for index in attribution.shares.indices {
            let partner = pricing.partner(at: index)
            perPartner.append(partner)
            if partner.standing == .live {
                paying += (partner.calculation?.parts ?? []).map(\.policy)
            }
        }
    }
    let limited = Set(paying.lazy.filter { $0.maxUsageTotal != nil }.map(\.id))
    return Target(
        conversion: state.conversion, attribution: attribution, perPartner: perPartner,
        policyClaims: limited.filter { catalogue.grants[$0] == nil }.sorted(),
        policyReleases: catalogue.grants.filter { $0.value && !limited.contains($0.key) }.map(\.key).sorted())
}

/// The money of one order.
private struct Pricing {
    let state: OrderState
    let catalogue: Catalogue
    let attribution: Attribution
    let choice: OrderVersion
    let order: RefundedOrder
    let convertedAt: EpochMilliseconds
    /// Limited policies of which this order got no use.
    let exhausted: Set<UUID>

    init?(_ state: OrderState, _ catalogue: Catalogue, _ attribution: Attribution) {
        guard let choice = state.choice, let order = state.refunded, let convertedAt = state.convertedAt else {
            return nil
        }
        self.state = state
        self.catalogue = catalogue
        self.attribution = attribution
        self.choice = choice
        self.order = order
        self.convertedAt = convertedAt
        exhausted = Set(catalogue.grants.lazy.filter { !$0.value }.map(\.key))
    }

    func partner(at index: Int) -> PartnerTarget {
        let share = attribution.shares[index]
        if let reason = share.reason, share.basisPoints == 0 { return nothing(share, .notPayable, reason) }
        if state.cancellation != nil { return nothing(share, .cancelled, .orderCancelled) }
        if let end = state.operatorEnds[share.partnerID] ?? state.operatorEnd {
            return nothing(share, .cancelled, end.code)
        }
        if let reason = share.reason { return nothing(share, .notPayable, reason) }
        if order.isFull { return nothing(share, .cancelled, .fullyRefunded) }
        return priced(share, at: index)
    }

    private func nothing(
        _ share: Attribution.Share, _ standing: PartnerTarget.Standing, _ reason: ReasonCode
    ) -> PartnerTarget {
        PartnerTarget(
            partnerID: share.partnerID, money: Money(minorUnits: 0, currency: choice.currency),
            basisPoints: share.basisPoints, standing: standing, reason: reason, policyID: nil, calculation: nil)
    }

    private func priced(_ share: Attribution.Share, at index: Int) -> PartnerTarget {
        let (trials, parts) = parts(for: share.partnerID)
        let whole = parts.reduce(0) { saturatingSum($0, $1.amount) }
        // Everybody's part of this whole is computed, and this partner's taken: where all have the same policies the
        // parts sum to the whole.
        let own = largestRemainder(total: whole, weights: attribution.shares.map(\.basisPoints))[index]
        let adjustment = state.adjustments[share.partnerID]
        let amount = adjustment?.amount(atNetBase: order.net) ?? own
        let calculation = Calculation(
            trials: trials, parts: parts, whole: whole, share: own, basisPoints: share.basisPoints,
            adjustment: adjustment, amount: amount)
        let largest = parts.max { ($0.amount, $1.policy.id) < ($1.amount, $0.policy.id) }
        return PartnerTarget(
            partnerID: share.partnerID, money: Money(minorUnits: amount, currency: choice.currency),
            basisPoints: share.basisPoints,
            standing: parts.isEmpty && adjustment == nil ? .notPayable : .live,
            reason: reason(for: calculation), policyID: largest?.policy.id, calculation: calculation)
    }

    private func reason(for calculation: Calculation) -> ReasonCode? {
        if calculation.adjustment != nil { return .adjusted }
        if calculation.parts.isEmpty { return .noPolicy }
        if calculation.amount == 0 { return order.net == 0 ? .noBase : .roundedToZero }
        return calculation.parts.lazy.compactMap(\.bound).first
    }

    /// Each line picks its policies; each policy pays for its lines together.
    private func parts(for partnerID: UUID) -> (trials: [Calculation.Trial], parts: [Calculation.Part]) {
        var choices: [String?: PolicyChoice] = [:]
        var trials: [Calculation.Trial] = []
        var policies: [Policy] = []
        var lines: [UUID: [RefundedOrder.Line]] = [:]
        for line in order.lines {
            let productID = productID(of: line)
            let choice = choices[productID] ?? choose(partnerID, productID)
            if choices.updateValue(choice, forKey: productID) == nil {
                trials.append(Calculation.Trial(productID: productID, verdicts: choice.verdicts))
            }
            for policy in choice.policies {
                if lines[policy.id] == nil { policies.append(policy) }
                lines[policy.id, default: []].append(line)
            }
        }
        let parts = policies.map { policy in
            let own = lines[policy.id] ?? []
            let (raw, amount, bound) = policy.amount(bases: own.map(\.base), nets: own.map(\.net))
            return Calculation.Part(
                policy: policy, lineIDs: own.map(\.id), base: own.reduce(0) { $0 + $1.base },
                net: own.reduce(0) { $0 + $1.net }, raw: raw, amount: amount, bound: bound)
        }
        return (trials, parts)
    }

    /// The product by which a line picks its policy: as the order was when it was confirmed, if the line was there then.
    private func productID(of line: RefundedOrder.Line) -> String? {
        if line.id == RefundedOrder.wholeOrder { return choice.productID }
        return choice.lines.first { $0.id == line.id }.map { $0.productID } ?? line.productID
    }

    private func choose(_ partnerID: UUID, _ productID: String?) -> PolicyChoice {
        let question = PolicyQuestion(
            partnerID: partnerID, tier: catalogue.partners[partnerID]?.tier, productID: productID,
            category: productID.flatMap { catalogue.categories[$0] ?? nil },
            isNewCustomer: choice.isNewCustomer == true, convertedAt: convertedAt, currency: choice.currency)
        return PolicyChoice(question, among: catalogue.policies, exhausted: exhausted)
    }
}

extension Adjustment {
    /// What it comes to when `net` is left of the order's base; see the type. At most ``FactLimits/amountMax``.
    package func amount(atNetBase net: Int64) -> Int64 {
        guard netBase > 0 else { return newAmount }
        let amount = scaledIfRepresentable(newAmount, numerator: net, denominator: netBase, rounding: .halfEven)
        return min(amount ?? .max, FactLimits.amountMax)
    }
}
