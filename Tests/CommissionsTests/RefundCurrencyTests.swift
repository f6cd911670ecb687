import Core
import Testing

@testable import Commissions

/// A refund is in its order's currency, whichever of the two comes first, and nothing is guessed.
struct RefundCurrencyTests {
    private func refund(_ text: String, at time: Int64 = orderTime + day) throws -> OrderFact {
        fact(try FactBody(kind: .refund, data: try JSON.parse(Array(text.utf8)), occurredAt: instant(time)), at: time)
    }

    /// What is left of 1,000.00 USD, and what became of the refund.
    private func left(_ refunds: [OrderFact], of version: OrderVersion = order(100_000, usd)) -> Int64 {
        reduce([fact(.created(version))] + refunds).refunded?.net ?? -1
    }

    @Test func `a refund that names no currency counts in the order's`() throws {
        let tenth = try refund(#"{"refundId":"r","amount":"100.5"}"#)
        #expect(left([tenth]) == 89_950)
        #expect(left([tenth], of: order(1_000_000, kwd)) == 899_500)
        let whole = try refund(#"{"refundId":"r","amount":"400"}"#)
        #expect(left([whole], of: order(1000, krw)) == 600)
        let line = try refund(#"{"refundId":"r","lines":[{"lineId":"a","amount":"0.25"}]}"#)
        let lines = order(1000, usd, lines: [OrderLine(id: "a", productID: nil, net: 1000)])
        #expect(left([line], of: lines) == 975)
    }

    @Test func `a refund that names the order's currency counts in its minor units`() throws {
        let named = try refund(#"{"refundId":"r","currency":"USD","amount":10050}"#)
        #expect(left([named]) == 89_950)
    }

    @Test(arguments: [
        (#"{"refundId":"r","currency":"KRW","amount":50}"#, FactStanding.currencyChanged),
        (#"{"refundId":"r","currency":"KRW","quantity":1}"#, .currencyChanged),
        (#"{"refundId":"r","amount":"0.125"}"#, .unreadableAmount),
        (#"{"refundId":"r","amount":"999999999999999"}"#, .unreadableAmount),
        (#"{"refundId":"r","lines":[{"lineId":"a","amount":"0.125"}]}"#, .unreadableAmount),
        (#"{"refundId":"r","currency":"USD","amount":50}"#, .applied),
        (#"{"refundId":"r","amount":"0.5"}"#, .applied),
    ])
    func `what cannot be in the order's currency takes nothing and says why`(text: String, standing: FactStanding)
        throws
    {
        let refund = try refund(text)
        #expect(reduce([refund]).standing(of: refund) == .waitingParent)
        let state = reduce([refund, fact(.created(order(100_000, usd)))])
        #expect(state.standing(of: refund) == standing)
        #expect(state.refunded?.net == (standing == .applied ? 99_950 : 100_000))
        #expect(state.conversion == .pending)
    }

    @Test func `a refused version of a refund does not stand in the way of one that counts`() throws {
        let right = try refund(#"{"refundId":"r","version":1,"currency":"USD","amount":100}"#)
        let wrong = try refund(#"{"refundId":"r","version":2,"currency":"KRW","amount":900}"#)
        for facts in [[right, wrong], [wrong, right]] {
            #expect(left(facts) == 99_900)
            let state = reduce(facts + [fact(.created(order(100_000, usd)))])
            #expect(state.standing(of: right) == .applied && state.standing(of: wrong) == .currencyChanged)
        }
    }

    @Test func `one that is taken back needs no currency, and a tombstone needs none either`() throws {
        let removed = try refund(#"{"refundId":"r","version":2,"removed":true}"#)
        let said = try refund(#"{"refundId":"r","version":1,"amount":"10"}"#)
        #expect(left([said]) == 99_000)
        #expect(left([said, removed]) == 100_000)
        let cancelled = fact(.cancelled(reason: nil))
        #expect(reduce([said, cancelled]).standing(of: said) == .withoutEffect)
    }

    @Test func `both forms survive their column`() throws {
        for text in [
            #"{"refundId":"r","version":1,"currency":"USD","amount":50}"#,
            #"{"refundId":"r","version":1,"amount":"10.5"}"#, #"{"refundId":"r","version":1,"amount":50}"#,
            #"{"refundId":"r","version":1,"lines":[{"lineId":"a","amount":"0.25"}]}"#,
        ] {
            let body = try FactBody(kind: .refund, data: try JSON.parse(Array(text.utf8)), occurredAt: instant(0))
            #expect(String(decoding: body.data.serialized(), as: UTF8.self) == text)
            #expect(try FactBody(kind: .refund, data: body.data, occurredAt: instant(0)) == body)
        }
    }

    @Test(arguments: [
        (#"{"refundId":"r","currency":"USD","amount":"1.00"}"#, FactError.malformed(field: "amount")),
        (#"{"refundId":"r","amount":"-1"}"#, .outOfRange(field: "amount")),
        (#"{"refundId":"r","amount":"1e3"}"#, .malformed(field: "amount")),
        (#"{"refundId":"r","amount":"1,5"}"#, .malformed(field: "amount")),
        (#"{"refundId":"r","currency":"usd","amount":1}"#, .unknownCurrency(field: "currency")),
        (#"{"refundId":"r","lines":[{"lineId":"a","amount":"x"}]}"#, .malformed(field: "lines[0].amount")),
        (#"{"refundId":"r","currency":"USD"}"#, .emptyRefund),
    ])
    func `what is no amount is no fact`(text: String, error: FactError) throws {
        #expect(throws: error) { try refund(text) }
    }
}
