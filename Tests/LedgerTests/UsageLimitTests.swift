import Core
import EventLoop
import Ledger
import Postgres
import TestSupport
import Testing

@Suite("A policy is used as often as it says")
struct UsageLimitTests {
    init() { Loop.startThread() }

    private static let limited = TestPolicy(
        id: uuid(200), code: "LAUNCH", priority: 50, percent: 20, usesMax: 10)

    @Loop private func price(_ book: OrderBook, _ batches: [[UUID]]) async throws {
        for batch in batches { _ = try await book.price(batch) }
    }

    @Loop private func amounts(_ books: TestBooks) async throws -> [String] {
        try await books.texts(
            "SELECT commission_amount || ' ' || count(*) FROM partner_commissions GROUP BY commission_amount "
                + "ORDER BY commission_amount")
    }

    @Loop @Test func sixtyFourOrdersAtOnceGetTenUses() async throws {
        try await withBooks(policies: [TestPolicy(), Self.limited]) { books in
            var orders: [UUID] = []
            for number in 0..<64 {
                let recording = try await books.book.record([
                    created("order-\(number)"), confirmed("order-\(number)"),
                ])
                orders += recording.owedPricings.map(\.orderID)
            }
            let batches = stride(from: 0, to: 64, by: 4).map { Array(orders[$0..<$0 + 4]) }
            let other = books.anotherBook()
            // Both at all of them, from both ends.
            async let ascending: Void = price(books.book, batches)
            async let descending: Void = price(other, batches.reversed())
            _ = try await (ascending, descending)
            #expect(try await amounts(books) == ["10000 54", "20000 10"])
            #expect(try await books.number("SELECT count(*) FROM policy_uses") == 10)
            #expect(try await books.number("SELECT used FROM policy_counters") == 10)
            #expect(try await books.number("SELECT sum(amount)::bigint FROM ledger_entries") == 740_000)
        }
    }

    @Loop @Test func theLastUseIsGrantedOnceToTwoAtOnce() async throws {
        var single = Self.limited
        single.usesMax = 1
        try await withBooks(policies: [TestPolicy(), single]) { books in
            // The counter is there already: making it would keep one of them waiting.
            try await books.pool.executeScript("INSERT INTO policy_counters (policy_id) VALUES ('\(single.id)')")
            let hasCounted = Gate()
            let otherCounts = Gate()
            let first = books.anotherBook { statement in
                guard statement.name == "insert_uses" else { return }
                hasCounted.open()
                await otherCounts.wait()
            }
            let second = books.anotherBook { statement in
                if statement.name == "insert_uses" { otherCounts.open() }
            }
            let events = try [created("order-1"), confirmed("order-1"), created("order-2"), confirmed("order-2")]
            _ = try await books.book.record(events)
            async let one = first.price([events[0].orderID])
            await hasCounted.wait()
            async let two = second.price([events[2].orderID])
            // Either the other one has to wait for the counter, or it has counted too.
            try await eventually { try await books.somebodyWaits() || otherCounts.isOpen }
            otherCounts.open()
            _ = try await (one, two)
            #expect(try await amounts(books) == ["10000 1", "20000 1"])
            #expect(try await books.number("SELECT used FROM policy_counters") == 1)
        }
    }

    @Loop @Test func withinOneBatchTheOrdersAcceptedFirstGetThem() async throws {
        try await withBooks(policies: [TestPolicy(), Self.limited]) { books in
            var events: [EventEnvelope] = []
            for number in 0..<12 {
                events.append(try created("order-\(number)"))
                // The later its number, the earlier it was confirmed.
                events.append(try confirmed("order-\(number)", at: orderTime + hour - Int64(number)))
            }
            try await books.process(events)
            #expect(try await amounts(books) == ["10000 2", "20000 10"])
            #expect(
                try await books.texts(
                    "SELECT external_order_id FROM partner_commissions WHERE commission_amount = 10000 ORDER BY 1")
                    == ["order-0", "order-1"])
        }
    }

    @Loop @Test func aUseThatPaysNoMoreIsGivenBack() async throws {
        var single = Self.limited
        single.usesMax = 1
        try await withBooks(policies: [TestPolicy(), single]) { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            try await books.process([cancelled("order-1")])
            #expect(try await books.number("SELECT used FROM policy_counters") == 0)
            #expect(try await books.number("SELECT count(*) FROM policy_uses") == 0)
            try await books.process([created("order-2"), confirmed("order-2")])
            #expect(try await books.end(of: "order-2")[partner]?.amount == 20_000)
            try await books.process([created("order-3"), confirmed("order-3")])
            #expect(try await books.end(of: "order-3")[partner]?.amount == 10_000)
        }
    }
}
