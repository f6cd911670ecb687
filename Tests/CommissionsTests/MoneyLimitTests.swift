import Core
import Testing

@testable import Commissions

/// Nothing that can be said overflows, and nothing that is due is below 0.
struct MoneyLimitTests {
    private let most = FactLimits.amountMax

    private func amounts(_ facts: [OrderFact], _ context: PricingContext) -> [Int64] {
        priced(facts, context).perPartner.map(\.money.minorUnits)
    }

    @Test func `the largest amounts are exact`() throws {
        let tiers = try [TieredRates.Mode.marginal, .prospective].map { mode in
            try TieredRates(
                mode: mode,
                steps: [
                    .init(threshold: 0, rate: .zero), .init(threshold: 1, rate: Rate(partsPerMillion: 1_000_000)),
                ])
        }
        let order = [fact(.created(order(most))), confirmation]
        #expect(amounts(order, context([policy(percent(100))])) == [most])
        #expect(amounts(order, context([policy(.fixed(most))])) == [most])
        #expect(amounts(order, context([policy(.tiered(tiers[0]))])) == [most - 1])
        #expect(amounts(order, context([policy(.tiered(tiers[1]))])) == [most])
        #expect(amounts(order, context([policy(percent(1), minimum: most)])) == [most])
        // Policies that stack add up to more than the order, and still to what they say.
        let stacked = (1...5).map { policy($0, priority: 9, percent(100), stacks: true) }
        #expect(amounts(order, context(stacked)) == [5 * most])
    }

    @Test func `as many of the largest refunds as anybody sends stop at nothing`() {
        let refunds = (0..<20_000).map { refund("r-\($0)", most) }
        let target = priced([fact(.created(order(most))), confirmation] + refunds, context([policy(percent(10))]))
        #expect(target.perPartner.map(\.money.minorUnits) == [0] && target.conversion == .refunded)
        let units = (0..<50).map { refund("r-\($0)", nil, quantity: FactLimits.quantityMax) }
        let left = reduce([fact(.created(order(most, quantity: FactLimits.quantityMax)))] + units).refunded
        #expect(left?.net == 0 && left?.exceedsOrder == true && left?.amount == most)
    }

    @Test func `a thousand lines of everything`() {
        let lines = (0..<1000).map { OrderLine(id: "\($0)", productID: nil, quantity: 3, net: most / 1000) }
        let returned = refund("r", nil, lines: lines.map { RefundLine(lineID: $0.id, quantity: 1) })
        let target = priced(
            [fact(.created(order(most, lines: lines))), confirmation, returned], context([policy(percent(10))]))
        // A third of each line, rounded a line: 1,000 x (10^12 - 333,333,333,333) x 10 %.
        #expect(target.perPartner.map(\.money.minorUnits) == [1000 * 66_666_666_667])
    }

    @Test func `an adjustment's ratio is held at the largest amount`() {
        let act = OperatorAct(id: uuid(9), partnerID: partner, by: "admin", reason: "")
        let adjusted = fact(
            .adjustment(Adjustment(act: act, partnerID: partner, newAmount: most, netBase: 1)), at: orderTime + day)
        let facts = [fact(.created(order(most))), confirmation, adjusted]
        #expect(amounts(facts, context([policy(percent(10))])) == [most])
    }

    @Test(arguments: AttributionModel.allCases) func `shares of the largest amount sum to it`(model: AttributionModel) {
        let touches = (1...7).map { touch($0, of: uuid(1 + $0 % 2), age: Int64($0) * day) }
        let facts = [fact(.created(order(most, code: nil))), confirmation] + touches
        #expect(amounts(facts, context([policy(percent(100))], model: model)).reduce(0, +) == most)
    }
}
