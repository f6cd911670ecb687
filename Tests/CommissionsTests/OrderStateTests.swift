import Commissions
import Core
import Testing

@Suite("State of an order")
struct OrderStateTests {
    private let hour: Int64 = 3_600_000

    @Test func `a cancellation before the creation leaves a tombstone`() throws {
        let cancelled = fact(.cancelled(reason: "customer"), at: orderTime + 1)
        let before = reduce([cancelled])
        #expect(before.conversion == .cancelled)
        #expect(!before.isWaitingForParent)
        #expect(before.standing(of: cancelled) == .applied)
        let created = fact(.created(order(1000)))
        let target = priced([cancelled, created], context([policy(percent(10))]))
        #expect(target.conversion == .cancelled)
        #expect(target[partner]?.money.minorUnits == 0)
        #expect(target[partner]?.standing == .cancelled)
    }

    @Test func `a confirmation waits for its order`() {
        let waiting = reduce([confirmation])
        #expect(waiting.isWaitingForParent)
        #expect(waiting.conversion == .pending)
        #expect(waiting.standing(of: confirmation) == .waitingParent)
        let created = fact(.created(order(1000)))
        #expect(reduce([confirmation, created]).conversion == .confirmed)
        #expect(reduce([confirmation, created]).standing(of: confirmation) == .applied)
    }

    @Test func `before the confirmation there is no commission`() {
        #expect(priced([fact(.created(order(1000)))], context([policy(percent(10))])).perPartner.isEmpty)
    }

    @Test func `an older version is stale, of equal ones the greater digest counts`() {
        let first = fact(.created(order(1000, version: 1)))
        let second = fact(.updated(order(900, version: 2)), at: orderTime + hour)
        let twin = fact(.updated(order(800, version: 2)), at: orderTime + hour)
        #expect(reduce([second, first]).standing(of: first) == .stale)
        #expect(reduce([second, first]).current?.orderAmount == 900)
        let winner = second.digest.lexicographicallyPrecedes(twin.digest) ? twin : second
        #expect(reduce([second, twin, first]).current == winner.body.version)
        #expect(reduce([first, twin, second]).current == winner.body.version)
        // Whichever of them happened later.
        for lead in [Int64(-5), 5] {
            let moved = [fact(second.body, at: orderTime + hour + lead), fact(twin.body, at: orderTime + hour)]
            #expect(reduce(moved + [first]).current == winner.body.version)
        }
    }

    @Test func `who earns is decided by the version that was confirmed, how much by the last`() throws {
        let created = fact(.created(order(1000, version: 1, product: "p")))
        let updated = fact(.updated(order(1000, version: 2, product: "q")), at: orderTime + hour)
        let late = fact(.updated(order(500, version: 3, code: "PARTNER002", product: "p")), at: orderTime + 9 * hour)
        let rules = [
            policy(1, percent(10), conditions: PolicyConditions(productID: "p")),
            policy(2, percent(20), conditions: PolicyConditions(productID: "q")),
        ]
        let confirmed = fact(.confirmed, at: orderTime + 2 * hour)
        let target = priced([created, updated, late, confirmed], context(rules))
        #expect(target[partner]?.money.minorUnits == 100)
        #expect(target[partner]?.policyID == uuid(2))
        #expect(target[rival]?.reason == .outranked)
    }

    @Test func `another currency is left out whatever arrives first`() {
        let won = fact(.created(order(1000, krw, version: 1)))
        let dollars = fact(.updated(order(10, usd, version: 2)), at: orderTime + hour)
        for facts in [[won, dollars], [dollars, won]] {
            let state = reduce(facts)
            #expect(state.current?.currency == krw)
            #expect(state.standing(of: dollars) == .currencyChanged)
        }
    }

    @Test func `the hold runs from the later of confirmation and acceptance`() {
        let programme = Programme(id: "default")
        let created = fact(.created(order(1000)))
        #expect(reduce([created]).holdUntil(in: programme) == nil)
        // The fixtures accept a second after it happened.
        #expect(
            reduce([created, confirmation]).holdUntil(in: programme)
                == instant(orderTime + hour + 1000 + 7 * day))
    }

    @Test func `an adjustment is a ratio that refunds follow`() throws {
        func amount(_ facts: [OrderFact]) throws -> Int64 {
            let act = OperatorAct(id: uuid(9), partnerID: partner, by: "admin", reason: "upgrade")
            let adjusted = FactBody.adjustment(
                Adjustment(act: act, partnerID: partner, newAmount: 700, netBase: 10_000))
            let all = [fact(.created(order(10_000))), confirmation, fact(adjusted, at: orderTime + day)] + facts
            let mine = try #require(priced(all, context([policy(percent(5), maximum: 600)]))[partner])
            #expect(mine.reason == .adjusted || mine.reason == .fullyRefunded)
            return mine.money.minorUnits
        }
        #expect(try amount([]) == 700)
        #expect(try amount([refund("r", 2500)]) == 525)
        #expect(try amount([refund("r", 2500), refund("r", 2500, version: 2, isRemoved: true)]) == 700)
        #expect(try amount([refund("r", 10_000)]) == 0)
    }

    @Test func `the last adjustment counts, and one at a net base of nothing is fixed`() throws {
        func adjusted(_ number: UInt64, _ amount: Int64, base: Int64, at time: Int64) -> OrderFact {
            let act = OperatorAct(id: uuid(number), partnerID: partner, by: "admin", reason: "")
            return fact(
                .adjustment(Adjustment(act: act, partnerID: partner, newAmount: amount, netBase: base)), at: time)
        }
        let later = adjusted(1, 50, base: 0, at: orderTime + 2 * day)
        let earlier = adjusted(2, 900, base: 1000, at: orderTime + day)
        let facts = [later, earlier, fact(.created(order(1000))), confirmation]
        #expect(priced(facts, context([policy(percent(10))]))[partner]?.money.minorUnits == 50)
        let huge = Adjustment(
            act: OperatorAct(id: uuid(3), partnerID: partner, by: "admin", reason: ""), partnerID: partner,
            newAmount: FactLimits.amountMax, netBase: 1)
        #expect(huge.amount(atNetBase: FactLimits.amountMax) == FactLimits.amountMax)
    }

    @Test func `an operator's cancellation ends one partner's commission`() {
        let act = OperatorAct(id: uuid(9), partnerID: partner, by: "admin", reason: "fraud")
        let facts = [
            fact(.created(order(1000, code: nil))), touch(1), touch(2, of: rival, age: 1000), confirmation,
            fact(.cancellation(act), at: orderTime + day),
        ]
        let target = priced(facts, context([policy(percent(10))], model: .linear))
        #expect(target[partner]?.standing == .cancelled)
        #expect(target[partner]?.reason == .operatorCancelled)
        #expect(target[rival]?.money.minorUnits == 50)
    }

    @Test func `sixty four orders on a limit of ten give exactly ten`() throws {
        let promotion = policy(1, priority: 9, percent(20), uses: 10)
        let rules = context([promotion, policy(2, percent(5))])
        var left = [promotion.id: Int64(10)]
        var amounts: [Int64] = []
        for _ in 0..<64 {
            var books = Books(rules)
            books.left = left
            for fact in [fact(.created(order(1000))), confirmation] { try books.take(fact) }
            left = books.left
            amounts.append(try #require(books.last?[partner]).money.minorUnits)
        }
        #expect(amounts == [Int64](repeating: 200, count: 10) + [Int64](repeating: 50, count: 54))
    }

    @Test func `a cancelled order gives its use back`() throws {
        let promotion = policy(1, percent(20), uses: 1)
        var books = Books(context([promotion]))
        for fact in [fact(.created(order(1000))), confirmation] { try books.take(fact) }
        #expect(books.left[promotion.id] == 0)
        try books.take(fact(.cancelled(reason: nil), at: orderTime + day))
        #expect(books.left[promotion.id] == 1)
        #expect(books.catalogue?.grants.isEmpty == true)
    }
}
