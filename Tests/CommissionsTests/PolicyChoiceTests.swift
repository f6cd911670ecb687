import Commissions
import Core
import Testing

@Suite("Choice of a policy")
struct PolicyChoiceTests {
    private func question(product: String? = "prod", category: String? = "books", isNew: Bool = true) -> PolicyQuestion
    {
        PolicyQuestion(
            partnerID: partner, tier: "gold", productID: product, category: category, isNewCustomer: isNew,
            convertedAt: instant(orderTime), currency: krw)
    }

    private func chosen(_ candidates: [Policy], exhausted: Set<UUID> = []) -> [UInt64] {
        [candidates, candidates.reversed()].map { candidates in
            PolicyChoice(question(), among: candidates, exhausted: exhausted).policies.map { $0.id.low & 0xffff }
        }.reduce(nil) { (first: [UInt64]?, next) in
            // The order of the candidates never decides.
            #expect(first == nil || first == next)
            return next
        } ?? []
    }

    private func verdict(_ candidate: Policy) -> PolicyVerdict.Outcome? {
        PolicyChoice(question(), among: [candidate]).verdicts.first?.outcome
    }

    @Test func `the highest priority wins`() {
        #expect(chosen([policy(1, priority: 1, percent(1)), policy(2, priority: 2, percent(1))]) == [2])
    }

    @Test func `of equal priority the more specific wins, step by step`() {
        let ladder: [PolicyConditions] = [
            PolicyConditions(), PolicyConditions(requiresNewCustomer: true), PolicyConditions(tier: "gold"),
            PolicyConditions(category: "books"), PolicyConditions(productID: "prod"),
            PolicyConditions(partnerID: partner), PolicyConditions(partnerID: partner, productID: "prod"),
        ]
        let policies = ladder.enumerated().map { policy(UInt64($0), percent(1), conditions: $1) }
        for last in policies.indices {
            #expect(chosen(Array(policies[...last])) == [UInt64(last)])
            #expect(ladder[last].specificity == last)
        }
    }

    @Test func `of equal specificity the newest version wins, then the lower id`() {
        let old = policy(1, percent(1), createdAt: 1)
        let new = policy(2, percent(1), createdAt: 2)
        #expect(chosen([old, new]) == [2])
        #expect(chosen([policy(3, version: 2, percent(1)), policy(4, version: 1, percent(1))]) == [3])
        #expect(chosen([policy(5, percent(1)), policy(6, percent(1))]) == [5])
    }

    @Test func `the newest version that holds speaks for its code, whatever the priority of the older`() {
        let old = policy(1, code: "CODE", version: 1, priority: 9, percent(1))
        let new = policy(2, code: "CODE", version: 2, priority: 1, percent(2))
        #expect(chosen([old, new]) == [2])
        let later = PolicyConditions(validFrom: instant(orderTime + 1))
        #expect(chosen([old, policy(2, code: "CODE", version: 2, percent(2), conditions: later)]) == [1])
    }

    @Test func `a condition that does not hold is named`() {
        func with(_ change: (inout PolicyConditions) -> Void) -> Policy {
            var conditions = PolicyConditions()
            change(&conditions)
            return policy(1, percent(1), conditions: conditions)
        }
        #expect(verdict(with { $0.validFrom = instant(orderTime + 1) }) == .notYetValid)
        #expect(verdict(with { $0.validFrom = instant(orderTime) }) == .chosen)
        #expect(verdict(with { $0.validUntil = instant(orderTime) }) == .expired)
        #expect(verdict(with { $0.validUntil = instant(orderTime + 1) }) == .chosen)
        #expect(verdict(with { $0.partnerID = rival }) == .otherPartner)
        #expect(verdict(with { $0.productID = "else" }) == .otherProduct)
        #expect(verdict(with { $0.category = "toys" }) == .otherCategory)
        #expect(verdict(with { $0.tier = "silver" }) == .otherTier)
        #expect(verdict(policy(1, percent(1), currency: usd)) == .otherCurrency)
        let forNew = with { $0.requiresNewCustomer = true }
        #expect(
            PolicyChoice(question(isNew: false), among: [forNew]).verdicts.first?.outcome == .newCustomersOnly)
    }

    @Test func `an exhausted policy leaves the next one to pay`() {
        let promotion = policy(1, priority: 9, percent(15), uses: 1)
        #expect(chosen([promotion, policy(2, percent(5))], exhausted: [promotion.id]) == [2])
    }

    @Test func `policies stack only where each of them allows it`() {
        let first = policy(1, priority: 3, percent(1), stacks: true)
        let alone = policy(2, priority: 2, percent(1))
        let beside = policy(3, priority: 1, percent(1), stacks: true)
        #expect(chosen([first, alone, beside]) == [1, 3])
        #expect(chosen([alone, beside]) == [2])
    }

    @Test func `no policy is a reason, not a failure`() throws {
        let target = priced([fact(.created(order(100))), confirmation], context([]))
        let mine = try #require(target[partner])
        #expect(mine.money.minorUnits == 0)
        #expect(mine.standing == .notPayable)
        #expect(mine.reason == .noPolicy)
    }

    @Test func `a policy survives its column`() throws {
        let tiers = try TieredRates(
            mode: .marginal,
            steps: [
                .init(threshold: 1000, rate: Rate(partsPerMillion: 70_000)),
                .init(threshold: 0, rate: Rate(partsPerMillion: 50_000)),
            ])
        var full = PolicyConditions(
            partnerID: partner, productID: "p", category: "c", tier: "gold", requiresNewCustomer: true,
            validFrom: instant(1), validUntil: instant(2))
        let policies = [
            policy(percent(5)),
            policy(
                .tiered(tiers), conditions: full, currency: kwd, minimum: 1, maximum: 2, uses: 3, stacks: true,
                rounding: .halfUp, refundMode: .allOrNothing, createdAt: 7),
            policy(.fixed(9), currency: usd),
        ]
        for policy in policies {
            let bytes = policy.data.serialized()
            #expect(try Policy(data: JSON.parse(bytes)) == policy)
        }
        full.validUntil = full.validFrom
        #expect(throws: PolicyError.validity) { try policy(percent(5), conditions: full).validate() }
        #expect(throws: PolicyError.bounds) { try policy(percent(5), currency: krw, minimum: 2, maximum: 1).validate() }
        #expect(throws: PolicyError.currency) { try policy(.fixed(5)).validate() }
        #expect(throws: PolicyError.rate) { try policy(percent(101)).validate() }
        #expect(throws: PolicyError.steps) { try TieredRates(mode: .marginal, steps: []) }
    }
}
