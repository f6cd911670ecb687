import Commissions
import Core
import TestSupport

/// Makes up a programme and the life of one order in it.
struct HistoryGenerator {
    /// What a history can contain. Each has to occur in a run, or the run has not tested it.
    enum Feature: String, CaseIterable {
        case krw, usd, kwd
        case productChange, policyChange, equalVersions, otherCurrency, updateAfterConfirmation, lines, baseBelowTotal
        case cap, minimum, fixed, marginal, prospective, stacking, limit, exhaustedLimit, halfUp, allOrNothing
        case tiers, newCustomer, category
        case refundByAmount, refundByQuantity, refundByLine, refundTakenBack, refundRepeated, fullRefund
        case refundAboveOrder, refundNamesItsCurrency, refundInOtherCurrency, refundWithoutCurrency, refundUnreadable
        case adjustment, operatorCancellation, dispute, operatorAttribution
        case touch, lateTouch, manyPartners, namedClick, expiredTouch, filteredTouch, unknownCode
        case lastClick, firstClick, linear, positionBased, timeDecay
        case confirmed, cancelled, neverConfirmed, createdMissing
        // Seen in the end that a history leads to.
        case paidNothingInactive, paidNothingSelfReferral, paidNothingOutranked, paidNothingFullRefund, amountCapped
        case amountRaised
    }

    private(set) var seen: Set<Feature> = []
    private var random: SeededGenerator
    let context: PricingContext
    private let currency: Currency
    static let products = ["p-1", "p-2", "p-3"]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let (currency, feature) = [(krw, Feature.krw), (usd, .usd), (kwd, .kwd)].randomElement(using: &random)!
        self.currency = currency
        seen.insert(feature)
        context = Self.makeContext(currency, &random, &seen)
    }

    // MARK: The order

    mutating func history() -> [OrderFact] {
        var facts = versions()
        facts += touches()
        facts += refunds()
        facts += acts()
        let end = Int.random(in: 0..<10, using: &random)
        if end < 8 {
            facts.append(fact(.confirmed, at: orderTime + 3 * day))
            if random.chance(20) { facts.append(fact(.confirmed, at: orderTime + 4 * day)) }
            seen.insert(.confirmed)
        } else {
            seen.insert(.neverConfirmed)
        }
        if end == 7 || end == 8 {
            facts.append(
                fact(.cancelled(reason: "customer"), at: orderTime + Int64.random(in: 1...6, using: &random) * day))
            seen.insert(.cancelled)
        }
        return facts
    }

    private var clickNumbers: [UInt64] { Array(500..<505) }

    private mutating func version(_ number: Int64) -> OrderVersion {
        let total = Int64.random(in: 1...120_000, using: &random)
        let code = random.chance(6) ? "NOBODY" : "PARTNER00\(Int.random(in: 1...2, using: &random))"
        if code == "NOBODY" { seen.insert(.unknownCode) }
        var made = order(
            total, currency, version: number, code: random.chance(75) ? code : nil,
            product: Self.products.randomElement(using: &random), quantity: Int64.random(in: 1...4, using: &random),
            customer: random.chance(12) ? "self-1" : "customer-7", isNew: random.chance(50))
        if random.chance(30) {
            made.clickID = uuid(clickNumbers.randomElement(using: &random)!).description
            seen.insert(.namedClick)
        }
        if random.chance(30) {
            made.base = Int64.random(in: 0...total, using: &random)
            seen.insert(.baseBelowTotal)
        }
        if random.chance(35) {
            seen.insert(.lines)
            for line in 1...Int.random(in: 1...3, using: &random) {
                made.lines.append(
                    OrderLine(
                        id: "l-\(line)", productID: Self.products.randomElement(using: &random),
                        quantity: Int64.random(in: 1...3, using: &random),
                        net: Int64.random(in: 0...(total / 3), using: &random)))
            }
        }
        return made
    }

    private mutating func versions() -> [OrderFact] {
        var facts: [OrderFact] = []
        if random.chance(92) {
            facts.append(fact(.created(version(1)), at: orderTime))
        } else {
            seen.insert(.createdMissing)
        }
        for number in 0..<Int.random(in: 0...3, using: &random) {
            let time = orderTime + Int64.random(in: 1...120, using: &random) * 3_600_000
            if time > orderTime + 3 * day { seen.insert(.updateAfterConfirmation) }
            var updated = version(Int64(number + 2))
            if random.chance(15) {
                updated.version -= 1
                seen.insert(.equalVersions)
            }
            if random.chance(7) {
                updated.currency = currency == jpy ? usd : jpy
                seen.insert(.otherCurrency)
            }
            facts.append(fact(.updated(updated), at: time))
            seen.insert(.productChange)
        }
        return facts
    }

    private mutating func touches() -> [OrderFact] {
        var facts: [OrderFact] = []
        var partners: Set<UUID> = []
        for number in clickNumbers where random.chance(40) {
            let owner = uuid(UInt64.random(in: 1...3, using: &random))
            let isOld = random.chance(10)
            let isValid = !random.chance(10)
            if isOld { seen.insert(.expiredTouch) }
            if !isValid { seen.insert(.filteredTouch) }
            seen.insert(.touch)
            partners.insert(owner)
            facts.append(
                touch(
                    number, of: owner, code: "PARTNER00\(owner.low & 7)",
                    age: isOld ? 31 * day : Int64.random(in: 0...(29 * day), using: &random),
                    evidence: [.click, .session, .customer, .fingerprint].randomElement(using: &random)!,
                    isValid: isValid))
        }
        if partners.count > 1 { seen.insert(.manyPartners) }
        return facts
    }

    private mutating func refunds() -> [OrderFact] {
        var facts: [OrderFact] = []
        for number in 0..<Int.random(in: 0...4, using: &random) where random.chance(70) {
            let time = orderTime + Int64.random(in: 1...200, using: &random) * 3_600_000
            var made = Refund(refundID: "r-\(number)", version: 1)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                made.amount = Int64.random(in: 1...40_000, using: &random)
                seen.insert(.refundByAmount)
                sayCurrency(of: &made)
            case 5, 6:
                made.quantity = Int64.random(in: 1...2, using: &random)
                seen.insert(.refundByQuantity)
            case 7:
                made.amount = 100_000_000
                seen.insert(.refundAboveOrder)
                seen.insert(.fullRefund)
            default:
                made.lines = [
                    RefundLine(lineID: "l-1", quantity: 1),
                    RefundLine(lineID: "l-2", amount: Int64.random(in: 1...9000, using: &random)),
                ]
                seen.insert(.refundByLine)
            }
            facts.append(fact(.refund(made), at: time))
            if random.chance(25) {
                made.version = 2
                made.isRemoved = true
                facts.append(fact(.refund(made), at: time + day))
                seen.insert(.refundTakenBack)
            } else if random.chance(20) {
                facts.append(fact(.refund(made), at: time + 3_600_000))
                seen.insert(.refundRepeated)
            }
        }
        return facts
    }

    /// A refund may name its currency, a wrong one, or none, and then its amount is in major units.
    private mutating func sayCurrency(of refund: inout Refund) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1:
            refund.currency = currency
            seen.insert(.refundNamesItsCurrency)
        case 2:
            refund.currency = currency == jpy ? usd : jpy
            seen.insert(.refundInOtherCurrency)
        case 3, 4:
            refund.majorAmount = ExactDecimal("\(refund.amount ?? 0)")
            refund.amount = nil
            seen.insert(.refundWithoutCurrency)
        case 5:
            // Only some currencies have so many decimals.
            refund.majorAmount = ExactDecimal("\(refund.amount ?? 0).125")
            refund.amount = nil
            if currency.exponent < 3 { seen.insert(.refundUnreadable) }
        default: break
        }
    }

    private mutating func acts() -> [OrderFact] {
        var facts: [OrderFact] = []
        for number in UInt64(900)..<903 where random.chance(25) {
            let owner = uuid(UInt64.random(in: 1...2, using: &random))
            let act = OperatorAct(id: uuid(number), partnerID: owner, by: "admin-1", reason: "generated")
            let amount = Int64.random(in: 0...9000, using: &random)
            let base = Int64.random(in: 0...100_000, using: &random)
            let body: FactBody
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                body = .adjustment(Adjustment(act: act, partnerID: owner, newAmount: amount, netBase: base))
                seen.insert(.adjustment)
            case 5:
                body = .cancellation(act)
                seen.insert(.operatorCancellation)
            case 6, 7:
                let outcomes: [Dispute.Outcome] = [
                    .stands, .cancelled, .adjusted(newAmount: amount, netBase: base),
                ]
                body = .dispute(
                    Dispute(act: act, partnerID: owner, outcome: outcomes.randomElement(using: &random)!))
                seen.insert(.dispute)
            case 8:
                body = .hold(act)
            default:
                body = .attribution(act)
                seen.insert(.operatorAttribution)
            }
            facts.append(fact(body, at: orderTime + Int64.random(in: 4...9, using: &random) * day))
        }
        return facts
    }

    // MARK: Arrival and end

    /// The facts in another order, about a third of them twice or three times.
    mutating func arrival(of history: [OrderFact]) -> [OrderFact] {
        var arrival = history
        for fact in history where random.chance(35) {
            arrival.append(fact)
            if random.chance(20) { arrival.append(fact) }
        }
        arrival.shuffle(using: &random)
        let touches = arrival.indices.filter { arrival[$0].kind == .touch }
        if let firstVersion = arrival.firstIndex(where: { $0.body.version != nil }),
            touches.contains(where: { $0 > firstVersion })
        {
            seen.insert(.lateTouch)
        }
        return arrival
    }

    mutating func note(_ reason: ReasonCode) {
        switch reason {
        case .partnerInactive: seen.insert(.paidNothingInactive)
        case .selfReferral: seen.insert(.paidNothingSelfReferral)
        case .outranked: seen.insert(.paidNothingOutranked)
        case .fullyRefunded: seen.insert(.paidNothingFullRefund)
        case .capped: seen.insert(.amountCapped)
        case .raisedToMinimum: seen.insert(.amountRaised)
        default: break
        }
    }
}
