import Core
import EventLoop
import Ledger
import Postgres
import Testing

@Suite("Events come twice, late and in the wrong order")
struct ArrivalTests {
    init() { Loop.startThread() }

    @Loop @Test func anEventThatComesTwiceIsADuplicate() async throws {
        try await withBooks { books in
            let event = try created("order-1")
            let inOneBatch = try await books.book.record([event, event])
            #expect(inOneBatch.outcomes == [.applied, .duplicate])
            #expect(try await books.book.record([event]).outcomes == [.duplicate])
            #expect(try await books.number("SELECT count(*) FROM order_facts") == 1)
            #expect(try await books.number("SELECT count(*) FROM inbound_events") == 1)
            #expect(try await books.number("SELECT version FROM conversion_events") == 1)
        }
    }

    @Loop @Test func theSameFactOfAnotherEventIsADuplicate() async throws {
        try await withBooks { books in
            let outcomes = try await books.process([
                created("order-1", id: "a"), created("order-1", id: "b"), confirmed("order-1"),
                refunded("order-1", 50_000, id: "c"), refunded("order-1", 50_000, id: "d"),
            ])
            #expect(outcomes == [.applied, .duplicate, .applied, .applied, .duplicate])
            #expect(
                try await books.texts("SELECT state FROM inbound_events ORDER BY event_id")
                    == ["applied", "duplicate", "applied", "duplicate", "applied"])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 5000)
        }
    }

    @Loop @Test func anEventIDWithOtherContentIsKeptBesideTheFirst() async throws {
        try await withBooks { books in
            let other = try created("order-1", content(1), id: "a")
            try await books.process([created("order-1", id: "a")])
            #expect(try await books.process([other]) == [.eventIDReused])
            #expect(try await books.process([other]) == [.eventIDReused])
            #expect(try await books.number("SELECT order_amount FROM conversion_events") == 100_000)
            #expect(try await books.number("SELECT count(*) FROM inbound_event_conflicts") == 1)
            // Another source may use the same id.
            let elsewhere = try event(.created, "order-1", content(7), id: "a", at: orderTime, source: "other")
            #expect(try await books.process([elsewhere]) == [.applied])
            #expect(try await books.number("SELECT count(*) FROM orders") == 2)
        }
    }

    @Loop @Test func anOlderVersionIsStale() async throws {
        try await withBooks { books in
            let outcomes = try await books.process([
                updated("order-1", content(80_000, version: 3)), created("order-1"),
                updated("order-1", content(70_000, version: 2)),
            ])
            #expect(outcomes == [.applied, .stale, .stale])
            try await books.process([confirmed("order-1")])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 8000)
            #expect(try await books.number("SELECT count(*) FROM inbound_events WHERE state = 'stale'") == 2)
        }
    }

    @Loop @Test func anotherCurrencyIsRefused() async throws {
        try await withBooks { books in
            let outcomes = try await books.process([
                created("order-1"), updated("order-1", content(99, version: 2, currency: "USD")), confirmed("order-1"),
            ])
            guard case .refused(let reason) = outcomes[1] else {
                Issue.record("not refused: \(outcomes[1])")
                return
            }
            #expect(reason.hasPrefix("currency_mismatch"))
            #expect(try await books.end(of: "order-1")[partner]?.amount == 10_000)
            #expect(try await books.texts("SELECT currency FROM ledger_entries") == ["KRW"])
        }
    }

    @Loop @Test func contentThatIsNoFactIsRefusedAndKept() async throws {
        try await withBooks { books in
            let outcomes = try await books.process([
                event(.created, "order-1", ["currency": "XXXX"], at: orderTime), created("order-2"),
            ])
            guard case .refused = outcomes[0] else {
                Issue.record("not refused: \(outcomes[0])")
                return
            }
            #expect(outcomes[1] == .applied)
            #expect(
                try await books.number(
                    "SELECT count(*) FROM inbound_events WHERE state = 'refused' AND reason <> ''") == 1)
        }
    }

    @Loop @Test func confirmedBeforeCreatedIsParkedAndThenApplied() async throws {
        try await withBooks { books in
            let early = try await books.book.record([confirmed("order-1")])
            #expect(early.outcomes == [.applied])
            #expect(early.owedPricings.isEmpty)
            #expect(try await books.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 1)
            #expect(try await books.number("SELECT count(*) FROM conversion_events") == 0)
            try await books.process([created("order-1")])
            #expect(try await books.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 0)
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "confirmed")
            #expect(end[partner] == .init(status: "pending", amount: 10_000))
        }
    }

    @Loop @Test func cancelledBeforeCreatedLeavesATombstone() async throws {
        try await withBooks { books in
            try await books.process([cancelled("order-1")])
            #expect(try await books.end(of: "order-1") == BookEnd(conversion: "cancelled"))
            #expect(try await books.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 0)
            try await books.process([created("order-1"), confirmed("order-1")])
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "cancelled")
            #expect(end[partner] == .init(status: "cancelled", amount: 0, reason: "order_cancelled"))
            #expect(end.balances.isEmpty)
            #expect(try await books.number("SELECT count(*) FROM ledger_entries") == 0)
        }
    }

    @Loop @Test func refundBeforeCreatedCountsWhenTheOrderComes() async throws {
        try await withBooks { books in
            try await books.process([refunded("order-1", 50_000)])
            #expect(try await books.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 1)
            try await books.process([confirmed("order-1")])
            try await books.process([created("order-1")])
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "partial_refund")
            #expect(end.refundedAmount == 50_000)
            #expect(end[partner] == .init(status: "pending", amount: 5000))
            #expect(try await books.texts("SELECT kind FROM ledger_entries") == ["accrual"])
        }
    }

    @Loop @Test func aLowerVersionOfAnotherCurrencyMovesTheMoneyToIt() async throws {
        try await withBooks { books in
            try await books.process([
                updated("order-1", content(200_000, version: 2, currency: "USD")), confirmed("order-1"),
            ])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 20_000)
            try await books.process([created("order-1")])
            try await books.process([refunded("order-1", 50_000)])
            #expect(
                try await books.texts(
                    """
                    SELECT currency || ' ' || sum(CASE credit_account WHEN 'partner_pending' THEN amount ELSE -amount END)
                    FROM ledger_entries GROUP BY currency ORDER BY currency
                    """) == ["KRW 5000", "USD 0"])
            #expect(
                try await books.texts("SELECT currency || ' ' || commission_amount FROM partner_commissions") == [
                    "KRW 5000"
                ])
        }
    }
}
