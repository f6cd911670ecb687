import Commissions
import Core
import EventLoop
import Ledger
import Postgres
import Testing

@Suite("Refunds and what operators do")
struct RefundAndActTests {
    init() { Loop.startThread() }

    @Loop private func order(
        _ act: OrderBook.Act, on books: TestBooks, id: UInt64 = 700, reason: String = "asked for"
    ) async throws -> OrderBook.OperatorOrder {
        OrderBook.OperatorOrder(
            id: uuid(id), commissionID: try await books.commissionID("order-1"), act: act, by: "admin-1", reason: reason
        )
    }

    /// The words with which an act is refused; `nil` when it is not.
    @Loop private func refusal(_ act: OrderBook.OperatorOrder, _ books: TestBooks) async throws -> String? {
        do {
            _ = try await books.book.perform(act)
            return nil
        } catch LedgerError.refused(let refusal) {
            return refusal.message
        }
    }

    @Loop private func withConfirmedOrder(_ body: @Loop (TestBooks) async throws -> Void) async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let pricing = try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            #expect(pricing?.confirmed == 1)
            try await body(books)
        }
    }

    @Loop @Test func aPartialRefundTakesItsPart() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            try await books.process([refunded("order-1", 50_000)])
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "partial_refund")
            #expect(end[partner] == .init(status: "pending", amount: 5000))
            #expect(end.balances == [partner: ["programme_expense": -5000, "partner_pending": 5000]])
            #expect(
                try await books.texts("SELECT kind || ' ' || amount FROM ledger_entries ORDER BY id")
                    == ["accrual 10000", "reversal 5000"])
            #expect(
                try await books.texts("SELECT action FROM audit_logs ORDER BY created_at, id") == [
                    "created", "refunded",
                ])
        }
    }

    @Loop @Test func aFullRefundCancels() async throws {
        try await withConfirmedOrder { books in
            try await books.process([refunded("order-1", 60_000)])
            try await books.process([refunded("order-1", 40_000, refund: "r-2")])
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "refunded")
            #expect(end[partner] == .init(status: "cancelled", amount: 0, reason: "fully_refunded"))
            #expect(end.balances.isEmpty)
        }
    }

    @Loop @Test func aRefundAfterPaymentIsAClawbackAndThePaidRowStays() async throws {
        try await withConfirmedOrder { books in
            try await books.insertEndpoint(300, of: partner, types: "{commission.*}")
            _ = try await books.book.perform(order(.pay(method: "bank_transfer", reference: "TX-1"), on: books))
            let paid = try await books.texts(
                "SELECT concat_ws(' ', status, commission_amount, paid_at, payment_method, payment_reference) "
                    + "FROM partner_commissions")
            #expect(paid[0].hasPrefix("paid 10000 ") && paid[0].hasSuffix(" bank_transfer TX-1"))
            for _ in 0..<2 { try await books.process([refunded("order-1", 50_000)]) }
            #expect(
                try await books.texts(
                    "SELECT concat_ws(' ', status, commission_amount, paid_at, payment_method, payment_reference) "
                        + "FROM partner_commissions") == paid)
            #expect(
                try await books.end(of: "order-1").balances == [
                    partner: ["programme_expense": -5000, "partner_paid": 10_000, "partner_confirmed": -5000]
                ])
            #expect(
                try await books.texts("SELECT kind || ' ' || amount FROM ledger_entries ORDER BY id") == [
                    "accrual 10000", "confirmation 10000", "payment 10000", "clawback 5000",
                ])
            #expect(
                try await books.texts("SELECT type FROM webhook_events ORDER BY created_at, type")
                    == ["commission.paid", "commission.clawed_back"])
        }
    }

    @Loop @Test func aFactThatIsNotPricedYetGoesBeforeThePayment() async throws {
        try await withConfirmedOrder { books in
            let owed = try await books.book.record([refunded("order-1", 50_000)])
            #expect(owed.owedPricings.count == 1)
            _ = try await books.book.perform(order(.pay(method: "bank_transfer", reference: "TX-1"), on: books))
            let end = try await books.end(of: "order-1")
            #expect(end[partner] == .init(status: "paid", amount: 5000))
            #expect(end.balances == [partner: ["programme_expense": -5000, "partner_paid": 5000]])
            #expect(
                try await books.texts("SELECT data->>'amount' FROM order_facts WHERE kind = 'payout'") == ["5000"])
        }
    }

    @Loop @Test func aCancelledOrderThatIsNotPricedYetIsNotPaid() async throws {
        try await withConfirmedOrder { books in
            _ = try await books.book.record([cancelled("order-1")])
            let act = try await order(.pay(method: "bank_transfer", reference: "TX-1"), on: books)
            #expect(try await refusal(act, books) == "Cannot pay a commission that is cancelled")
            try await books.priceOwed()
            #expect(try await books.end(of: "order-1").balances.isEmpty)
        }
    }

    @Loop @Test func anAdjustmentIsKeptWithItsHistory() async throws {
        try await withBooks { books in
            try await books.insertEndpoint(300, of: partner, types: "{commission.adjusted}")
            try await books.process([created("order-1"), confirmed("order-1")])
            let act = try await order(.adjust(amount: 8000), on: books, reason: "agreed")
            #expect(try await books.book.perform(act).owedDeliveries.count == 1)
            #expect(
                try await books.end(of: "order-1")[partner]
                    == .init(status: "pending", amount: 8000, reason: "adjusted"))
            #expect(
                try await books.texts(
                    "SELECT concat_ws(' ', action, user_id, reason) FROM audit_logs WHERE user_id IS NOT NULL")
                    == ["adjusted admin-1 agreed"])
            let metadata = try await books.texts("SELECT metadata::text FROM partner_commissions")
            let history = try JSON.parse(Array(metadata[0].utf8))["adjustmentHistory"]
            #expect(history?[0]?["oldAmount"] == "10000")
            #expect(history?[0]?["newAmount"] == "8000")
            #expect(history?[0]?["adminId"] == "admin-1")

            // The same act again, even after more has happened, changes nothing.
            try await books.process([refunded("order-1", 50_000)])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 4000)
            let before = try await books.number("SELECT version FROM partner_commissions")
            #expect(try await books.book.perform(act).owedDeliveries.isEmpty)
            #expect(try await books.number("SELECT version FROM partner_commissions") == before)
            #expect(try await books.end(of: "order-1")[partner]?.amount == 4000)
            #expect(try await books.number("SELECT count(*) FROM order_facts WHERE kind = 'adjustment'") == 1)
        }
    }

    @Loop @Test func aCancelledCommissionSaysWhy() async throws {
        try await withBooks { books in
            try await books.insertEndpoint(300, of: partner, types: "{commission.cancelled}")
            try await books.process([created("order-1"), confirmed("order-1")])
            let act = try await order(.cancel, on: books, reason: "fraud")
            for round in 0..<2 {
                #expect(try await books.book.perform(act).owedDeliveries.count == (round == 0 ? 1 : 0))
                let end = try await books.end(of: "order-1")
                #expect(end[partner] == .init(status: "cancelled", amount: 0, reason: "operator_cancelled"))
                #expect(end.conversion == "confirmed")
                #expect(end.balances.isEmpty)
            }
            #expect(
                try await books.texts("SELECT metadata->>'cancellationReason' FROM partner_commissions") == ["fraud"])
            #expect(
                try await books.texts("SELECT user_id FROM audit_logs WHERE action = 'cancelled'") == ["admin-1"])
        }
    }

    @Loop @Test func aPaidCommissionIsNeitherAdjustedNorCancelledNorPaidAgain() async throws {
        try await withConfirmedOrder { books in
            let pay = try await order(.pay(method: "bank_transfer", reference: "TX-1"), on: books)
            _ = try await books.book.perform(pay)
            let adjust = try await order(.adjust(amount: 1), on: books, id: 701)
            #expect(try await refusal(adjust, books) == "Cannot adjust paid commission")
            let cancel = try await order(.cancel, on: books, id: 702)
            #expect(try await refusal(cancel, books) == "Cannot cancel paid commission")
            let again = try await order(.pay(method: "bank_transfer", reference: "TX-2"), on: books, id: 703)
            #expect(try await refusal(again, books) == "Cannot pay a commission that is paid")
            #expect(try await books.book.perform(pay).owedDeliveries.isEmpty)
            #expect(try await books.end(of: "order-1").balances[partner]?["partner_paid"] == 10_000)
            #expect(
                try await books.number("SELECT count(*) FROM order_facts WHERE kind IN ('adjustment', 'cancellation')")
                    == 0)
        }
    }

    @Loop @Test func whatIsPendingIsNotPaid() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let act = try await order(.pay(method: "bank_transfer", reference: "TX-1"), on: books)
            #expect(try await refusal(act, books) == "Cannot pay a commission that is pending")
            let nobody = OrderBook.OperatorOrder(
                id: uuid(701), commissionID: uuid(999), act: .cancel, by: "admin-1", reason: "x")
            await #expect(throws: LedgerError.self) { _ = try await books.book.perform(nobody) }
        }
    }

    @Loop @Test func anAmountThatNobodyCouldReadAgainIsRefused() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let act = try await order(.adjust(amount: -1), on: books)
            await #expect(throws: FactError.self) { _ = try await books.book.perform(act) }
            try await books.process([refunded("order-1", 50_000)])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 5000)
        }
    }
}
