import Core
import EventLoop
import Ledger
import Postgres
import Testing

@Suite("What is frozen at the first pricing is what the rows say")
struct FreezingTests {
    init() { Loop.startThread() }

    @Loop private func conversion(_ books: TestBooks) async throws -> [String] {
        try await books.texts(
            """
            SELECT concat_ws(' ', attribution->'shares'->0->>'partnerId', attribution->'shares'->0->>'reason', reason)
            FROM conversion_events
            """)
    }

    @Loop private func setActive(_ isActive: Bool, _ books: TestBooks) async throws {
        try await books.pool.executeScript("UPDATE partners SET is_active = \(isActive) WHERE id = '\(partner)'")
    }

    @Loop @Test(arguments: [false, true])
    func aPartnerThatChangedBeforeTheFirstPricing(isActive: Bool) async throws {
        try await withBooks { books in
            try await setActive(!isActive, books)
            let owed = try await books.book.record([created("order-1"), confirmed("order-1")]).owedPricings
            try await setActive(isActive, books)
            _ = try await books.book.price(owed.map(\.orderID))
            let reason = isActive ? "" : " partner_inactive partner_inactive"
            #expect(try await conversion(books) == ["\(partner)\(reason)"])
            let commission = try await books.end(of: "order-1")[partner]
            #expect(
                commission
                    == (isActive
                        ? .init(status: "pending", amount: 10_000)
                        : .init(status: "not_payable", amount: 0, reason: "partner_inactive")))
            #expect(try await books.number("SELECT version FROM conversion_events") == 2)
        }
    }

    @Loop @Test func aPartnerThatChangesAfterTheFirstPricingStaysAsItWas() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            #expect(try await books.number("SELECT version FROM conversion_events") == 1)
            try await setActive(false, books)
            try await books.process([refunded("order-1", 50_000)])
            #expect(try await conversion(books) == ["\(partner)"])
            #expect(try await books.end(of: "order-1")[partner] == .init(status: "pending", amount: 5000))
        }
    }

    /// An order that names a click which is not stored yet is looked at again before it is confirmed.
    @Loop @Test func aLookForAClickFreezesNothing() async throws {
        try await withBooks { books in
            let now = Loop.wallClock.rawValue
            let click = UUID.version7(at: instant(now - 1000))
            let data = content(adding: [("clickId", .string(click.description))])
            let order = try created("order-1", data, at: now)
            try await books.process([order])
            #expect(try await books.book.price([order.orderID]).priced == 1)
            #expect(try await books.number("SELECT count(*) FROM orders WHERE catalogue IS NOT NULL") == 0)
            // The policy of the day of the confirmation pays.
            try await books.pool.executeScript("UPDATE commission_policies SET status = 'INACTIVE'")
            try await books.pool.executeScript(
                TestPolicy(id: uuid(101), code: "LATER", percent: 20).insertion)
            try await books.process([confirmed("order-1", at: now + 1)])
            #expect(try await books.end(of: "order-1")[partner] == .init(status: "pending", amount: 20_000))
            #expect(try await books.number("SELECT count(*) FROM orders WHERE catalogue IS NOT NULL") == 1)
        }
    }

    @Loop @Test func whyNobodyIsPaidStandsInTheConversion() async throws {
        try await withBooks { books in
            try await books.process([
                created("order-1", content(adding: [("customerId", "self-1")])),
                created("order-2", content(code: "NOBODY")), created("order-3", content(code: nil)),
                created("order-4"),
            ])
            #expect(
                try await books.texts(
                    "SELECT external_order_id || ' ' || coalesce(reason, '-') FROM conversion_events ORDER BY 1")
                    == ["order-1 self_referral", "order-2 unknown_referral_code", "order-3 unattributed", "order-4 -"])
        }
    }
}
