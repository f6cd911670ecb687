import Core
import EventLoop
import Ledger
import Testing

@Suite("A refund is in the currency of its order")
struct RefundCurrencyTests {
    init() { Loop.startThread() }

    private func refund(_ members: JSON, refund: String = "r-1", id: String? = nil) throws -> EventEnvelope {
        var data = JSONObject([("refundId", .string(refund)), ("version", 1)])
        for member in members.object?.members ?? [] { data[member.key] = member.value }
        return try event(.refunded, "order-1", .object(data), id: id, at: orderTime + day)
    }

    @Loop private func state(_ books: TestBooks) async throws -> [String] {
        try await books.texts(
            "SELECT concat_ws(' ', state, split_part(reason, ':', 1)) FROM inbound_events WHERE type = 'order.refunded'"
        )
    }

    @Loop @Test func anotherCurrencyIsRefusedAndMovesNothing() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let outcomes = try await books.process([refund(["currency": "USD", "amount": 5000])])
            #expect(
                outcomes == [.refused("currency_mismatch: the refund is in USD, its order in KRW")])
            #expect(try await state(books) == ["refused currency_mismatch"])
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "confirmed" && end.refundedAmount == 0)
            #expect(end[partner] == .init(status: "pending", amount: 10_000))
            #expect(try await books.number("SELECT count(*) FROM ledger_entries") == 1)
            // The same refund in the right currency still counts.
            #expect(try await books.process([refund(["amount": 50_000], id: "again")]) == [.applied])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 5000)
        }
    }

    @Loop @Test func whatTheCurrencyCannotHaveIsRefused() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let outcomes = try await books.process([refund(["amount": "10.5"])])
            #expect(
                outcomes == [
                    .refused("amount_unreadable: KRW has no such amount; name the refund's currency")
                ])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 10_000)
        }
    }

    @Loop @Test func aRefundThatComesFirstIsReadInTheCurrencyOfItsOrder() async throws {
        try await withBooks { books in
            #expect(try await books.process([refund(["amount": "100.5"])]) == [.applied])
            #expect(try await books.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 1)
            try await books.process([created("order-1", content(100_000, currency: "USD")), confirmed("order-1")])
            let end = try await books.end(of: "order-1")
            #expect(end.refundedAmount == 10_050 && end.conversion == "partial_refund")
            #expect(end[partner] == .init(status: "pending", amount: 8995))
            #expect(try await state(books) == ["applied"])
        }
    }

    @Loop
    @Test(arguments: [
        (["currency": "USD", "amount": 5000] as JSON, "refused currency_mismatch"),
        (["amount": "10.5"] as JSON, "refused amount_unreadable"),
    ])
    func aRefundThatComesFirstAndDoesNotFitIsRefusedWhenItsOrderComes(said: JSON, wanted: String) async throws {
        // In the order's batch and before it.
        for isTogether in [false, true] {
            try await withBooks { books in
                var events = [try refund(said)]
                if !isTogether {
                    #expect(try await books.process(events) == [.applied])
                    #expect(try await state(books) == ["applied"])
                    events = []
                }
                try await books.process(events + [created("order-1"), confirmed("order-1")])
                #expect(try await state(books) == [wanted])
                let end = try await books.end(of: "order-1")
                #expect(end.conversion == "confirmed" && end.refundedAmount == 0)
                #expect(end[partner] == .init(status: "pending", amount: 10_000))
                #expect(
                    try await books.number(
                        "SELECT count(*) FROM orders WHERE parked_since IS NOT NULL OR priced_seq < facts_seq") == 0)
            }
        }
    }

    /// A version that comes late moves the order to another currency, and with it what its refunds say.
    @Loop @Test func aRefusedRefundCountsOnceItsOrderTurnsOutToBeInItsCurrency() async throws {
        try await withBooks { books in
            try await books.process([
                updated("order-1", content(100_000, version: 2, currency: "USD")), confirmed("order-1"),
            ])
            let outcomes = try await books.process([
                refund(["currency": "KRW", "amount": 40_000]),
                refund(["currency": "USD", "amount": 100], refund: "r-2"),
            ])
            #expect(outcomes[1] == .applied)
            #expect(try await books.end(of: "order-1").refundedAmount == 100)
            try await books.process([created("order-1")])
            #expect(Set(try await state(books)) == ["applied", "refused currency_mismatch"])
            let end = try await books.end(of: "order-1")
            #expect(end.refundedAmount == 40_000)
            #expect(end[partner]?.amount == 6000)
            #expect(
                try await books.texts(
                    "SELECT state FROM inbound_events WHERE type = 'order.updated'") == ["refused"])
        }
    }
}
