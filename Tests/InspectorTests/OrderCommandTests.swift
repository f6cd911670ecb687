import Core
import EventLoop
import JobQueue
import Ledger
import Testing

@testable import Inspector

/// `order` and `event`.
struct OrderCommandTests {
    init() { Loop.startThread() }

    @Loop private func withOrder(_ body: @Loop (InspectorFixture) async throws -> Void) async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPolicy()
            try await tributary.addPartner()
            _ = try await tributary("endpoint", "add", "--partner", "PARTNER001", "--url", "https://ada.example/hooks")
            try await tributary.addOrder()
            try await body(tributary)
        }
    }

    @Loop @Test func anOrdersStoryTellsEverything() async throws {
        try await withOrder { tributary in
            try await tributary.process([
                tributary.event(.refunded, "order-1", ["refundId": "r-1", "version": 1, "amount": 40_000])
            ])
            let run = try await tributary("order", "order-1")
            #expect(run.status == .ok)
            #expect(run.lines[0] == "Order order-1 of shop")
            #expect(run.lines[2] == "  100,000 KRW, of which 40,000 KRW went back  partial refund")
            #expect(run.lines[3] == "  all its facts are in the books: 3")
            for part in [
                "Credit\n  PARTNER001  Ada's Blog  100 %  by code, last click",
                "Commissions\n  PARTNER001  6,000 KRW  pending, held until ",
                "    STANDARD: 10 % of 60,000 KRW (100,000 KRW before refunds) = 6,000 KRW",
                "  partner pending     6,000 KRW\n  programme expense  -6,000 KRW\n", "What happened (UTC)\n",
            ] { #expect(run.out.contains(part), "\(part)\n\(run.out)") }
            // One line for each of three facts, two entries, two audit rows and the owed webhooks, in their columns.
            let happened = run.lines.drop { $0 != "What happened (UTC)" }
            func line(_ words: String...) -> String? {
                happened.first { line in words.allSatisfy { line.contains($0) } }
            }
            #expect(line("fact 1", "created", "100,000 KRW", "code PARTNER001") != nil)
            #expect(line("fact 3", "refund", "40,000 KRW", "r-1") != nil)
            #expect(line("ledger", "accrual", "10,000 KRW", "programme expense → partner pending") != nil)
            #expect(line("ledger", "reversal", "4,000 KRW", "partner pending → programme expense") != nil)
            #expect(line("audit", "created") != nil && line("audit", "refunded") != nil)
            #expect(
                line("webhook", "commission.created", "owed to https://ada.example/hooks, 0 attempts so far") != nil)
            let amounts = happened.filter { $0.contains("fact 1") || $0.contains("reversal") }
            #expect(
                Set(amounts.compactMap { $0.firstRange(of: " KRW").map { $0.lowerBound } }).count == 1, "not aligned")
        }
    }

    @Loop @Test func programsGetTheStoryInItsParts() async throws {
        try await withOrder { tributary in
            let story = try await tributary("order", "order-1", "--source", "shop", "--json").json
            #expect(
                story.object?.keys == [
                    "order", "facts", "conversion", "commissions", "ledger", "audit", "deliveries", "otherEvents",
                    "partners",
                ])
            #expect(story["order"]?["externalId"] == "order-1" && story["order"]?["pricedSeq"] == 2)
            #expect(story["facts"]?.array?.map { $0["kind"] } == ["created", "confirmed"])
            #expect(story["conversion"]?["orderAmountMinor"] == 100_000)
            #expect(story["commissions"]?[0]?["amountMinor"] == 10_000)
            #expect(story["ledger"]?[0]?["debit"] == "programme_expense")
            #expect(story["deliveries"]?.array?.contains { $0["type"] == "commission.created" } == true)
            // By its uuid too.
            let id = try #require(story["order"]?["id"]?.string)
            #expect(try await tributary("order", id, "--json").json["order"]?["externalId"] == "order-1")
        }
    }

    @Loop @Test func anOrderThatNobodyIsPaidForSaysWhy() async throws {
        try await withOrder { tributary in
            try await tributary.addOrder("order-2", code: "NOBODY")
            let out = try await tributary("order", "order-2").out
            #expect(out.contains("nobody is paid: unknown referral code"), "\(out)")
        }
    }

    @Loop @Test func aConfirmationWithoutItsOrderIsParked() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.process([tributary.event(.confirmed, "order-9", id: "evt-9")])
            let order = try await tributary("order", "order-9")
            #expect(order.out.contains("no conversion yet: the order has not been created by an event"))
            #expect(order.out.contains("parked since "))
            let event = try await tributary("event", "shop/evt-9", "--json").json
            #expect(event["state"] == "parked" && event["orderId"] == "order-9")
        }
    }

    @Loop @Test func anOrderOfTwoSourcesMustBeNamed() async throws {
        try await withOrder { tributary in
            try await tributary.addOrder("order-1", source: "other")
            let run = try await tributary("order", "order-1")
            #expect(run.status == .failed && run.out.isEmpty)
            #expect(run.errors.contains("2 sources have an order order-1: name one by --source (other, shop)"))
            #expect(try await tributary("order", "order-1", "--source", "other").status == .ok)
            let missing = try await tributary("order", "order-7", "--json")
            #expect(missing.status == .failed && missing.errors.contains("there is no order order-7"))
        }
    }

    @Loop @Test func anEventSaysWhatBecameOfIt() async throws {
        try await withOrder { tributary in
            let event = try tributary.event(
                .updated, "order-1", ["version": 2, "currency": "KRW", "orderAmount": 5], id: "u-1")
            try await tributary.process([event])
            let run = try await tributary("event", "shop/u-1")
            #expect(run.status == .ok && run.lines[0] == "Event shop/u-1: applied")
            #expect(run.out.contains("tributary order order-1 --source shop"))
            #expect(try await tributary("event", event.eventID.description, "--json").json["state"] == "applied")
            let waiting = NewJobs.event(try tributary.event(.cancelled, "order-1", id: "c-1"))
            _ = try await tributary.queue.enqueue(waiting)
            let found = try await tributary("event", "shop/c-1", "--json").json
            #expect(found["state"] == "waiting" && found["job"] == "ready")
            let none = try await tributary("event", "shop/none")
            #expect(none.status == .failed && none.errors.contains("there is no event shop/none"))
            #expect(try await tributary("event", "none").status == .usage)
        }
    }
}
