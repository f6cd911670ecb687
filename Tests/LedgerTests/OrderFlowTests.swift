import Core
import EventLoop
import Ledger
import Postgres
import Testing

@Suite("An order's events become money")
struct OrderFlowTests {
    init() { Loop.startThread() }

    @Loop @Test func createdThenConfirmedIsPendingForSevenDays() async throws {
        try await withBooks { books in
            try await books.insertEndpoint(300, of: partner, types: "{commission.*}")
            try await books.insertEndpoint(301, of: partner, types: "{conversion.created}")
            try await books.insertEndpoint(302, of: rival, types: "{*}")
            let first = try await books.book.record([created("order-1")])
            #expect(first.outcomes == [.applied])
            #expect(first.owedPricings.isEmpty)
            #expect(first.owedDeliveries.map(\.endpointID) == [uuid(301)])
            #expect(try await books.end(of: "order-1") == BookEnd(conversion: "pending"))

            let second = try await books.book.record([confirmed("order-1")])
            #expect(second.outcomes == [.applied])
            #expect(second.owedPricings.map(\.factsSeq) == [2])
            #expect(second.owedDeliveries.isEmpty)
            #expect(try await books.number("SELECT count(*) FROM orders WHERE owed_since IS NOT NULL") == 1)

            let pricing = try await books.book.price(second.owedPricings.map(\.orderID))
            #expect(pricing.priced == 1)
            #expect(pricing.owedDeliveries.map(\.endpointID) == [uuid(300)])
            #expect(pricing.owedDeliveries.allSatisfy { $0.attempt == 0 && $0.delay == .zero })
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "confirmed")
            #expect(end.commissions == [partner: .init(status: "pending", amount: 10_000)])
            #expect(end.balances == [partner: ["programme_expense": -10_000, "partner_pending": 10_000]])
            #expect(try await books.number("SELECT count(*) FROM orders WHERE owed_since IS NOT NULL") == 0)

            let row = try await books.pool.query(
                PostgresStatement("test_hold", "SELECT hold_until, policy_id, version FROM partner_commissions"))[0]
            #expect(try row.timestamp(0) == holdEnd)
            #expect(try row.uuid(1) == uuid(100))
            #expect(
                try await books.texts(
                    "SELECT concat_ws(' ', kind, debit_account, credit_account, currency, amount, facts_from, facts_to) "
                        + "FROM ledger_entries") == ["accrual programme_expense partner_pending KRW 10000 2 2"])
            #expect(
                try await books.texts("SELECT entity_type || ' ' || action FROM audit_logs") == ["commission created"])
            #expect(
                try await books.texts("SELECT type FROM webhook_events ORDER BY type")
                    == ["commission.created", "conversion.created"])
            #expect(try await books.number("SELECT count(*) FROM webhook_deliveries") == 2)
        }
    }

    @Loop @Test func whatAPartnerIsToldHasBothNamesOfTheType() async throws {
        try await withBooks { books in
            try await books.insertEndpoint(300, of: partner, types: "{commission.*}")
            try await books.process([created("order-1"), confirmed("order-1")])
            let row = try await books.pool.query(
                PostgresStatement("test_body", "SELECT id, body FROM webhook_events"))[0]
            let body = try JSON.parse(try row.bytes(1))
            #expect(body["id"]?.string == (try row.text(0)))
            #expect(body["type"] == "commission.created")
            #expect(body["event"] == "commission.created")
            #expect(body["data"]?["amount"] == "10000")
            #expect(body["data"]?["amountMinor"]?.integer == 10_000)
            #expect(body["data"]?["orderId"] == "order-1")
            #expect(body["data"]?["holdUntil"] == .string(holdEnd.rfc3339))
        }
    }

    @Loop @Test func pricingAgainChangesNothing() async throws {
        try await withBooks { books in
            let events = try [created("order-1"), confirmed("order-1")]
            try await books.process(events)
            let again = try await books.book.price([events[0].orderID])
            #expect(again.priced == 0)
            #expect(try await books.number("SELECT count(*) FROM ledger_entries") == 1)
            #expect(try await books.number("SELECT version FROM partner_commissions") == 1)
        }
    }

    @Loop @Test func anOwedPricingIsAnsweredAgainUntilItIsDone() async throws {
        try await withBooks { books in
            let events = try [created("order-1"), confirmed("order-1")]
            let first = try await books.book.record(events)
            let again = try await books.book.record(events)
            #expect(again.outcomes == [.duplicate, .duplicate])
            #expect(again.owedPricings == first.owedPricings)
            _ = try await books.book.price(first.owedPricings.map(\.orderID))
            #expect(try await books.book.record(events).owedPricings.isEmpty)
        }
    }

    @Loop @Test func anOrderThatNamedNobodyIsPaidOnceItsCodeIsKnown() async throws {
        try await withBooks { books in
            try await books.process([created("order-1", content(code: nil)), confirmed("order-1")])
            #expect(try await books.end(of: "order-1").commissions.isEmpty)
            try await books.process([updated("order-1", content(version: 2))])
            let end = try await books.end(of: "order-1")
            #expect(end[partner] == .init(status: "pending", amount: 10_000))
        }
    }

    @Loop @Test func aSelfReferralPaysNothingAndSaysSo() async throws {
        try await withBooks { books in
            try await books.insertEndpoint(300, of: partner, types: "{*}")
            try await books.process([
                created("order-1", content(adding: [("customerId", "self-1")])), confirmed("order-1"),
            ])
            let end = try await books.end(of: "order-1")
            #expect(end[partner] == .init(status: "not_payable", amount: 0, reason: "self_referral"))
            #expect(end.balances.isEmpty)
            #expect(try await books.number("SELECT count(*) FROM webhook_events WHERE type LIKE 'commission.%'") == 0)
            #expect(try await books.number("SELECT count(*) FROM audit_logs WHERE reason = 'self_referral'") == 1)
        }
    }

    @Loop @Test func anUnknownProgrammeFailsAndLeavesNothing() async throws {
        try await withBooks { books in
            let stranger = try event(.created, "order-1", content(), at: orderTime, programme: "elsewhere")
            await #expect(throws: LedgerError.self) { _ = try await books.book.record([stranger]) }
            #expect(try await books.number("SELECT count(*) FROM orders") == 0)
            #expect(try await books.number("SELECT count(*) FROM inbound_events") == 0)
        }
    }
}
