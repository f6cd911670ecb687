import Commissions
import Core
import TestSupport

/// The programme in which a history happens.
extension HistoryGenerator {
    static func makeContext(
        _ currency: Currency, _ random: inout SeededGenerator, _ seen: inout Set<Feature>
    ) -> PricingContext {
        let (model, feature) = [
            (AttributionModel.lastClick, Feature.lastClick), (.firstClick, .firstClick), (.linear, .linear),
            (.positionBased, .positionBased), (.timeDecay, .timeDecay),
        ].randomElement(using: &random)!
        seen.insert(feature)
        let partners = (1...3).map { number in
            PartnerFacts(
                id: uuid(UInt64(number)), referralCode: "PARTNER00\(number)",
                tier: ["gold", "silver", nil].randomElement(using: &random)!, isActive: !random.chance(8),
                customerIDs: ["self-\(number)"])
        }
        var policies: [Policy] = []
        for number in 0..<Int.random(in: 1...6, using: &random) {
            policies.append(makePolicy(UInt64(100 + number), currency, &random, &seen))
        }
        return PricingContext(
            programme: Programme(id: "default", model: model), partners: partners, categories: ["p-1": "books"],
            policies: policies)
    }

    static func makePolicy(
        _ number: UInt64, _ currency: Currency, _ random: inout SeededGenerator, _ seen: inout Set<Feature>
    ) -> Policy {
        func rate() -> Rate { Rate(partsPerMillion: Int64.random(in: 1000...300_000, using: &random)) }
        var commission = CommissionRule.percentage(rate())
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1:
            commission = .fixed(Int64.random(in: 1...5000, using: &random))
            seen.insert(.fixed)
        case 2, 3:
            let mode = TieredRates.Mode.allCases.randomElement(using: &random)!
            seen.insert(mode == .marginal ? .marginal : .prospective)
            let steps = [(0, rate()), (20_000, rate()), (60_000, rate())].map {
                TieredRates.Step(threshold: $0.0, rate: $0.1)
            }
            if let tiers = try? TieredRates(mode: mode, steps: steps) { commission = .tiered(tiers) }
        default: break
        }
        var conditions = PolicyConditions()
        switch Int.random(in: 0..<8, using: &random) {
        case 0: conditions.tier = "gold"; seen.insert(.tiers)
        case 1: conditions.requiresNewCustomer = true; seen.insert(.newCustomer)
        case 2: conditions.productID = products.randomElement(using: &random); seen.insert(.policyChange)
        case 3: conditions.category = "books"; seen.insert(.category)
        case 4: conditions.partnerID = uuid(1)
        default: break
        }
        let uses: Int64? = random.chance(25) ? Int64.random(in: 0...2, using: &random) : nil
        if let uses { seen.insert(uses == 0 ? .exhaustedLimit : .limit) }
        let rounding = random.chance(30) ? Rounding.halfUp : .halfEven
        if rounding == .halfUp { seen.insert(.halfUp) }
        let minimum: Int64? = random.chance(30) ? Int64.random(in: 1...2000, using: &random) : nil
        let maximum: Int64? = random.chance(30) ? Int64.random(in: 2000...6000, using: &random) : nil
        if minimum != nil { seen.insert(.minimum) }
        if maximum != nil { seen.insert(.cap) }
        let stacks = random.chance(35)
        if stacks { seen.insert(.stacking) }
        let mode = random.chance(20) ? RefundMode.allOrNothing : .proportional
        if mode == .allOrNothing { seen.insert(.allOrNothing) }
        return policy(
            number, priority: Int64.random(in: 0...3, using: &random), commission, conditions: conditions,
            currency: currency, minimum: minimum, maximum: maximum, uses: uses, stacks: stacks, rounding: rounding,
            refundMode: mode, createdAt: Int64.random(in: 0...2, using: &random))
    }
}
