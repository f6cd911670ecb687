import Core
import EventLoop
import Ledger
import Postgres
import Testing

@testable import Inspector

/// `pay`, `adjust`, `cancel` and `ledger check`.
struct MoneyCommandTests {
    init() { Loop.startThread() }

    @Loop private func withOrder(_ body: @Loop (InspectorFixture) async throws -> Void) async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPolicy()
            try await tributary.addPartner()
            try await tributary.addOrder()
            try await body(tributary)
        }
    }

    @Loop private func confirm(_ tributary: InspectorFixture) async throws {
        let later = Loop.wallClock + .seconds(30 * 86_400)
        #expect(try await tributary.book.confirmDue(at: later, chunk: 10, waiting: true)?.confirmed == 1)
    }

    @Loop @Test func aConfirmedCommissionIsPaidOnce() async throws {
        try await withOrder { tributary in
            let id = try await tributary.commissionID()
            let early = try await tributary("pay", id, "--method", "bank_transfer", "--reference", "TXN-1")
            #expect(early.status == .failed && early.errors.hasPrefix("tributary pay: "))
            try await confirm(tributary)
            let paid = try await tributary(
                "pay", id, "--method", "bank_transfer", "--reference", "TXN-1", "--actor", "kim")
            #expect(paid.status == .ok)
            #expect(paid.out.hasPrefix("Commission of PARTNER001: 10,000 KRW, paid. "), "\(paid.out)")
            let order = try await tributary("order", "order-1").out
            #expect(order.contains("10,000 KRW  paid by bank_transfer TXN-1") && order.contains("by kim"))
            let again = try await tributary("pay", id, "--method", "m", "--reference", "r")
            #expect(again.status == .failed)
            #expect(try await tributary("ledger", "check").status == .ok)
        }
    }

    @Loop @Test func anAdjustmentSetsTheAmountInMajorUnits() async throws {
        try await withOrder { tributary in
            let id = try await tributary.commissionID()
            let run = try await tributary("adjust", id, "--amount", "1550", "--reason", "Tier upgraded", "--json")
            #expect(run.status == .ok)
            #expect(
                try run.json["amountMinor"] == 1550 && run.json["currency"] == "KRW" && run.json["status"] == "pending")
            let order = try await tributary("order", "order-1").out
            #expect(order.contains("set to 1,550 KRW by operator: Tier upgraded"), "\(order)")
            for (amount, problem) in [("15.50", "does not fit KRW"), ("-1", "0 or more"), ("much", "a decimal number")]
            {
                let wrong = try await tributary("adjust", id, "--amount=\(amount)", "--reason", "x")
                #expect(wrong.status == .usage && wrong.errors.contains(problem), "\(wrong.errors)")
            }
            #expect(try await tributary("ledger", "check").status == .ok)
        }
    }

    @Loop @Test func aCancellationTakesItBack() async throws {
        try await withOrder { tributary in
            let id = try await tributary.commissionID()
            let bare = try await tributary("cancel", id, "--reason", "")
            #expect(bare.status == .usage && bare.errors.contains("--reason is required"), "\(bare.errors)")
            #expect(try await tributary.commission()["status"] == "pending")
            let run = try await tributary("cancel", id, "--reason", "Customer cancellation")
            #expect(
                run.status == .ok && run.out.hasPrefix("Commission of PARTNER001: 0 KRW, cancelled. "), "\(run.out)")
            #expect(try await tributary.commission()["status"] == "cancelled")
            #expect(try await tributary("ledger", "check").status == .ok)
        }
    }

    @Loop @Test func anUnknownCommissionIsToldWhereToLook() async throws {
        try await InspectorFixture.run { tributary in
            let id = UUID.version7(at: Loop.wallClock).description
            for words in [
                ["pay", id, "--method", "m", "--reference", "r"], ["adjust", id, "--amount", "1", "--reason", "r"],
                ["cancel", id, "--reason", "r"],
            ] {
                let run = try await InspectorFixture.tributary(words, tributary.environment)
                #expect(run.status == .failed)
                #expect(run.errors.contains("there is no commission \(id): `tributary order"), "\(run.errors)")
            }
        }
    }

    @Loop @Test func booksInOrderAddUpToZero() async throws {
        try await withOrder { tributary in
            let run = try await tributary("ledger", "check")
            #expect(run.status == .ok)
            #expect(
                run.lines == [
                    "account                balance", "partner_pending     10,000 KRW",
                    "programme_expense  -10,000 KRW",
                    "all together             0 KRW", "", "The books are in order.", "",
                ])
            let json = try await tributary("ledger", "check", "--json").json
            #expect(json["inOrder"] == true && json["owedPricings"] == 0 && json["off"] == [])
            #expect(json["totals"] == [["currency": "KRW", "account": "all together", "sumMinor": 0]])
        }
    }

    @Loop @Test func anEntryThatWasRewrittenIsFound() async throws {
        try await withOrder { tributary in
            let id = try await tributary.commissionID()
            // As a superuser who goes around the trigger that makes the ledger append-only.
            try await tributary.pool.executeScript(
                """
                SET session_replication_role = replica; UPDATE ledger_entries SET amount = amount + 1;
                SET session_replication_role = DEFAULT;
                """)
            let run = try await tributary("ledger", "check")
            #expect(run.status == .failed)
            #expect(run.out.contains("\(id)  order-1  its row says 10000, its entries 10001"), "\(run.out)")
            #expect(run.out.contains("The books are NOT in order."))
            let json = try await tributary("ledger", "check", "--json")
            #expect(json.status == .failed)
            #expect(try json.json["inOrder"] == false && json.json["off"]?[0]?["commissionId"]?.string == id)
        }
    }

    @Loop @Test func aPaidAmountThatIsNotWhatWasPaidIsFound() async throws {
        try await withOrder { tributary in
            let id = try await tributary.commissionID()
            try await confirm(tributary)
            _ = try await tributary("pay", id, "--method", "bank_transfer", "--reference", "TXN-1")
            // What a refund takes back after the payment is owed by the partner; what was paid stays.
            try await tributary.process([
                tributary.event(.refunded, "order-1", ["refundId": "r-1", "version": 1, "amount": 40_000])
            ])
            #expect(try await tributary("ledger", "check").status == .ok)
            try await tributary.pool.executeScript(
                "UPDATE partner_commissions SET commission_amount = commission_amount + 1")
            let run = try await tributary("ledger", "check")
            #expect(run.status == .failed)
            #expect(
                run.out.contains("\(id)  order-1  its row says 10001 were paid, its entries 10000"), "\(run.out)")
        }
    }

    @Loop @Test func anOrderThatWaitsForItsPriceIsCounted() async throws {
        try await withOrder { tributary in
            _ = try await tributary.book.record([
                tributary.event(.refunded, "order-1", ["refundId": "r-1", "version": 1, "amount": 40_000])
            ])
            let run = try await tributary("ledger", "check")
            #expect(run.status == .ok && run.out.contains("1 order waits to be priced."))
            #expect(try await tributary("order", "order-1").out.contains("2 of 3 facts are in the books"))
        }
    }
}
