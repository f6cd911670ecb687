import Commissions
import Core
import Testing

@Suite("Vectors of money")
struct MoneyVectorTests {
    /// The amounts after the creation and after each refund, then the entries between them.
    private func entries(_ rule: Policy, base: Int64, refunds: [Int64]) throws -> [Int64] {
        var books = Books(context([rule]))
        try books.take(fact(.created(order(base))))
        try books.take(confirmation)
        var amounts = [try #require(books.last?[partner]).money.minorUnits]
        for (index, amount) in refunds.enumerated() {
            try books.take(refund("r\(index)", amount))
            amounts.append(try #require(books.last?[partner]).money.minorUnits)
        }
        return [amounts[0]] + zip(amounts, amounts.dropFirst()).map { $1 - $0 }
    }

    @Test func `ten refunds of a tenth claw back exactly what was earned`() throws {
        let refunds = [Int64](repeating: 10, count: 10)
        let even = try entries(policy(percent(5)), base: 100, refunds: refunds)
        #expect(even == [5, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0])
        let up = try entries(policy(percent(5), rounding: .halfUp), base: 100, refunds: refunds)
        #expect(up == [5, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1])
    }

    @Test(arguments: Rounding.allCases) func `a capped commission is computed anew`(rounding: Rounding) throws {
        let rule = policy(percent(10), maximum: 5000, rounding: rounding)
        #expect(try entries(rule, base: 100_000, refunds: [40_000, 20_000, 40_000]) == [5000, 0, -1000, -4000])
    }

    @Test func `rates round once to whole minor units`() throws {
        func amount(_ base: Int64, _ currency: Currency, _ ppm: Int64, _ rounding: Rounding) throws -> Int64 {
            let rule = policy(.percentage(Rate(partsPerMillion: ppm)), rounding: rounding)
            return try #require(
                priced([fact(.created(order(base, currency))), confirmation], context([rule]))[partner]
            )
            .money.minorUnits
        }
        for rounding in Rounding.allCases {
            #expect(try amount(33_333, krw, 70_000, rounding) == 2333)
            #expect(try amount(12_345, kwd, 25_000, rounding) == 309)
        }
        #expect(try amount(150, jpy, 30_000, .halfEven) == 4)
        #expect(try amount(150, jpy, 30_000, .halfUp) == 5)
    }

    @Test func `halves round to even or away from zero`() {
        let halves: [Int64] = [-1, -3, -5]
        #expect(halves.map { scaled($0, numerator: 1, denominator: 2, rounding: .halfEven) } == [0, -2, -2])
        #expect(halves.map { scaled($0, numerator: 1, denominator: 2, rounding: .halfUp) } == [-1, -2, -3])
    }

    @Test func `money is split by largest remainder`() {
        #expect(largestRemainder(total: 100, weights: [1, 1, 1]) == [34, 33, 33])
        #expect(largestRemainder(total: 101, weights: [40, 10, 10, 40]) == [41, 10, 10, 40])
    }

    @Test func `time decay halves each half life`() {
        let halfLife = Duration.seconds(7 * 86_400)
        let weights = [0, 7, 14].map { decayWeight(age: .seconds($0 * 86_400), halfLife: halfLife) }
        #expect(largestRemainder(total: 1000, weights: weights) == [571, 286, 143])
        let times = [14, 7, 0].map { instant(orderTime - $0 * day) }
        #expect(basisPoints(.timeDecay, times: times, halfLife: halfLife) == [1429, 2857, 5714])
    }

    @Test func `time decay follows the power of two between the half lives`() {
        let unit = 7 * day
        for step in 0...70 {
            let age = Int64(step) * unit / 10
            let weight = decayWeight(age: .milliseconds(age), halfLife: .milliseconds(unit))
            // Squaring ten times the tenth of a half-life is exact enough to compare in integers.
            let double = decayWeight(age: .milliseconds(age + unit), halfLife: .milliseconds(unit))
            #expect(abs(weight / 2 - double) <= 1)
            let half = decayWeight(age: .milliseconds(age / 2), halfLife: .milliseconds(unit))
            let square = (Int128(half) * Int128(half)) >> 40
            #expect(weight > 0)
            #expect(age % 2 != 0 || abs(square - Int128(weight)) <= 4)
        }
        #expect(decayWeight(age: .seconds(86_400 * 7 * 100), halfLife: .seconds(86_400 * 7)) == 0)
        // 2^(−1/10) is 0.93303..., in 2^40-ths.
        #expect(abs(decayWeight(age: .seconds(1), halfLife: .seconds(10)) - 1_025_880_623_293) <= 1)
        #expect(decayWeight(age: .zero, halfLife: .seconds(1)) == 1 << 40)
    }

    @Test func `worked values of the seed policies`() throws {
        let window = PolicyConditions(validFrom: instant(orderTime - day), validUntil: instant(orderTime + day))
        var winter = window
        winter.requiresNewCustomer = true
        func tier(_ name: String) -> PolicyConditions {
            var conditions = window
            conditions.tier = name
            return conditions
        }
        let seeds = [
            policy(1, priority: 0, percent(5), conditions: window, currency: krw, minimum: 1000),
            policy(2, priority: 10, percent(5), conditions: tier("bronze"), currency: krw, minimum: 1000),
            policy(3, priority: 20, percent(7), conditions: tier("silver"), currency: krw, minimum: 1000),
            policy(4, priority: 30, percent(10), conditions: tier("gold"), currency: krw, minimum: 1000),
            policy(5, priority: 40, percent(12), conditions: tier("platinum"), currency: krw, minimum: 1000),
            policy(6, priority: 100, percent(15), conditions: winter, currency: krw, minimum: 1000, uses: 1000),
        ]
        func amount(tier: String?, isNew: Bool = false, of base: Int64 = 100_000) throws -> Int64 {
            let partners = [PartnerFacts(id: partner, referralCode: "PARTNER001", tier: tier)]
            let facts = [fact(.created(order(base, isNew: isNew))), confirmation]
            return try #require(priced(facts, context(seeds, partners: partners))[partner]).money.minorUnits
        }
        #expect(try amount(tier: nil) == 5000)
        #expect(try amount(tier: "bronze") == 5000)
        #expect(try amount(tier: "silver") == 7000)
        #expect(try amount(tier: "gold") == 10_000)
        #expect(try amount(tier: "Platinum") == 12_000)
        #expect(try amount(tier: "gold", isNew: true) == 15_000)
        #expect(try amount(tier: nil, of: 10_000) == 1000)
    }
}
