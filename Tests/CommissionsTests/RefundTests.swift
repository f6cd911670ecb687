import Commissions
import Core
import Testing

@Suite("Refunds")
struct RefundTests {
    private func amount(_ order: OrderVersion, _ refunds: [OrderFact], _ rule: Policy = policy(percent(10))) throws
        -> Int64
    {
        try #require(priced([fact(.created(order)), confirmation] + refunds, context([rule]))[partner]).money.minorUnits
    }

    private func refunded(_ order: OrderVersion, _ refunds: [OrderFact]) throws -> RefundedOrder {
        try #require(reduce([fact(.created(order))] + refunds).refunded)
    }

    @Test func `half of the order is half of the commission`() throws {
        let facts = [fact(.created(order(100_000))), confirmation, refund("r", 50_000, quantity: 0)]
        let target = priced(facts, context([policy(percent(10))]))
        #expect(target.conversion == .partialRefund)
        #expect(target[partner]?.money.minorUnits == 5000)
        #expect(reduce(facts).refunded?.amount == 50_000)
    }

    @Test func `all of the order cancels, and taking it back revives`() throws {
        var books = Books(context([policy(percent(10))]))
        for fact in [fact(.created(order(1000))), confirmation, refund("r", 1000)] { try books.take(fact) }
        #expect(books.last?.conversion == .refunded)
        #expect(books.rows[partner] == Books.Row(status: .cancelled, reason: .fullyRefunded))
        #expect(books.end.balances.isEmpty)
        try books.take(refund("r", 1000, version: 2, isRemoved: true))
        #expect(books.last?.conversion == .confirmed)
        #expect(books.rows[partner]?.status == .pending)
        #expect(books.entries.map(\.kind) == [.accrual, .reversal, .accrual])
    }

    @Test func `one refund id is one refund, of its highest version`() throws {
        let base = order(1000)
        #expect(try refunded(base, [refund("r", 100), refund("r", 100)]).net == 900)
        #expect(try refunded(base, [refund("r", 300, version: 2), refund("r", 100)]).net == 700)
        #expect(try refunded(base, [refund("r", 300), refund("s", 100)]).net == 600)
        // The version decides, not the time.
        #expect(
            try refunded(base, [refund("r", 300, version: 2), refund("r", 100, at: orderTime + 9 * day)]).net == 700)
    }

    @Test func `refunds above the order stop at zero and are reported`() throws {
        let left = try refunded(order(1000), [refund("r", 700), refund("s", 700)])
        #expect(left.net == 0)
        #expect(left.exceedsOrder)
        #expect(left.amount == 1000)
        #expect(try !refunded(order(1000), [refund("r", 1000)]).exceedsOrder)
    }

    @Test func `units refunded add up before they become money`() throws {
        let three = order(1000, quantity: 3)
        let nets = try (1...3).map { count in
            try refunded(three, (0..<count).map { refund("r\($0)", nil, quantity: 1) }).net
        }
        #expect(nets == [667, 333, 0])
        // An amount given wins over units.
        #expect(try refunded(three, [refund("r", 100, quantity: 3)]).net == 900)
    }

    @Test func `an amount counts in proportion to the base`() throws {
        // 1,200 with tax and shipping, 1,000 of it earns.
        let mixed = order(1200, base: 1000)
        #expect(try refunded(mixed, [refund("r", 300)]).net == 750)
        #expect(try refunded(mixed, [refund("r", 1200)]).net == 0)
        #expect(try amount(mixed, [refund("r", 600)]) == 50)
    }

    @Test func `lines are refunded on their own`() throws {
        let lines = [
            OrderLine(id: "a", productID: "p", quantity: 2, net: 600), OrderLine(id: "b", productID: "q", net: 400),
        ]
        let two = order(1200, lines: lines)
        #expect(
            try refunded(two, [refund("r", nil, lines: [RefundLine(lineID: "a", quantity: 1)])]).lines.map(\.net) == [
                300, 400,
            ])
        #expect(
            try refunded(two, [refund("r", nil, lines: [RefundLine(lineID: "b", quantity: 1, amount: 50)])]).lines.map(
                \.net) == [600, 350])
        #expect(
            try refunded(two, [refund("r", nil, lines: [RefundLine(lineID: "a", quantity: 2)])]).lines.map(\.net) == [
                0, 400,
            ])
        // Of the order as a whole: over what is left of the lines.
        #expect(try refunded(two, [refund("r", 600)]).lines.map(\.net) == [300, 200])
        // Of a line that the order has no more.
        #expect(try refunded(two, [refund("r", nil, lines: [RefundLine(lineID: "gone", amount: 100)])]).net == 900)
    }

    @Test func `a discount on the cart is spread over its lines`() throws {
        let lines = [OrderLine(id: "a", productID: nil, net: 600), OrderLine(id: "b", productID: nil, net: 400)]
        #expect(try refunded(order(1000, base: 900, lines: lines), []).lines.map(\.base) == [540, 360])
    }

    @Test func `fixed amounts shrink in proportion, or not until nothing is left`() throws {
        let fixed = policy(.fixed(500))
        #expect(try amount(order(1000), [refund("r", 250)], fixed) == 375)
        let whole = policy(.fixed(500), refundMode: .allOrNothing)
        #expect(try amount(order(1000), [refund("r", 999)], whole) == 500)
        #expect(try amount(order(1000), [refund("r", 1000)], whole) == 0)
    }

    @Test func `a minimum follows refunds like a fixed amount`() throws {
        let rule = policy(percent(5), minimum: 1000)
        #expect(try amount(order(10_000), [], rule) == 1000)
        #expect(try amount(order(10_000), [refund("r", 5000)], rule) == 500)
        #expect(try amount(order(10_000), [refund("r", 10_000)], rule) == 0)
        let whole = policy(percent(5), minimum: 1000, refundMode: .allOrNothing)
        #expect(try amount(order(10_000), [refund("r", 5000)], whole) == 1000)
    }

    @Test func `a free order pays a fixed amount and no percentage`() throws {
        #expect(try amount(order(0), [], policy(.fixed(500))) == 500)
        let target = priced([fact(.created(order(0))), confirmation], context([policy(percent(5), minimum: 10)]))
        #expect(target[partner]?.reason == .noBase)
        #expect(target[partner]?.standing == .live)
    }

    @Test func `tiers are computed on what is left`() throws {
        let steps = [(Int64(0), Int64(5)), (1000, 10), (2000, 20)].map {
            TieredRates.Step(threshold: $0.0, rate: Rate(partsPerMillion: $0.1 * 10_000))
        }
        let marginal = policy(.tiered(try TieredRates(mode: .marginal, steps: steps)))
        #expect(try amount(order(3000), [], marginal) == 350)
        #expect(try amount(order(3000), [refund("r", 1500)], marginal) == 100)
        let prospective = policy(.tiered(try TieredRates(mode: .prospective, steps: steps)))
        #expect(try amount(order(3000), [], prospective) == 600)
        #expect(try amount(order(2000), [], prospective) == 400)
        #expect(try amount(order(3000), [refund("r", 1001)], prospective) == 200)
    }

    @Test func `marginal tiers round their exact sum once`() throws {
        func amount(_ base: Int64, _ rounding: Rounding) throws -> Int64 {
            let steps = [
                TieredRates.Step(threshold: 0, rate: Rate(partsPerMillion: 50_000)),
                .init(threshold: 10, rate: Rate(partsPerMillion: 50_000)),
            ]
            return try self.amount(
                order(base), [], policy(.tiered(try TieredRates(mode: .marginal, steps: steps)), rounding: rounding))
        }
        for base in Int64(1)...200 {
            for rounding in Rounding.allCases {
                #expect(try amount(base, rounding) == scaled(base, numerator: 5, denominator: 100, rounding: rounding))
            }
        }
        #expect(try amount(FactLimits.amountMax, .halfEven) == FactLimits.amountMax / 20)
    }

    @Test func `each line picks its policy, bounds hold once a policy`() throws {
        let lines = [
            OrderLine(id: "a", productID: "p", net: 1050), OrderLine(id: "b", productID: "p", net: 1050),
            OrderLine(id: "c", productID: "q", net: 1000),
        ]
        let rules = [
            policy(1, percent(1), maximum: 15), policy(2, percent(50), conditions: PolicyConditions(productID: "q")),
        ]
        let facts = [fact(.created(order(3100, lines: lines))), confirmation]
        let mine = try #require(priced(facts, context(rules))[partner])
        // 1 % of 1,050 is 10.5, twice rounded to 10; together 20, capped at 15; and 500 beside it.
        #expect(mine.money.minorUnits == 515)
        #expect(mine.reason == .capped)
        #expect(mine.policyID == uuid(2))
        #expect(mine.calculation?.parts.map(\.raw) == [20, 500])
        #expect(mine.trace["policies"]?[0]?["bound"]?.string == "capped")
        #expect(mine.trace["trials"]?[1]?["productId"]?.string == "q")
    }
}
