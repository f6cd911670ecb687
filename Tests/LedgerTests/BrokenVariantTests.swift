import Core
import EventLoop
import Ledger
import Postgres
import TestSupport
import Testing

/// Each rule that keeps the books is taken away once, to show that a test would notice, next to the same with the rule.
@Suite("Without its rules the books go wrong")
struct BrokenVariantTests {
    init() { Loop.startThread() }

    /// One book prices an order and stands still before it writes; another records a refund meanwhile. With the lock the
    /// other one has to wait, so the first goes on as soon as the other has asked for it.
    @Loop private func refundDuringAPricing(_ books: TestBooks, faults: LedgerFaults) async throws -> BookEnd {
        let isAboutToWrite = Gate()
        let mayWrite = Gate()
        let slow = books.anotherBook(faults: faults) { statement in
            guard statement.name == "insert_ledger_entries" else { return }
            isAboutToWrite.open()
            await mayWrite.wait()
        }
        let quick = books.anotherBook(faults: faults) { statement in
            if statement.name == "lock_orders" { mayWrite.open() }
        }
        let owed = try await books.book.record([created("order-1"), confirmed("order-1")]).owedPricings
        async let pricing = slow.price(owed.map(\.orderID))
        await isAboutToWrite.wait()
        _ = try await quick.record([refunded("order-1", 50_000)])
        mayWrite.open()
        _ = try await pricing
        try await books.priceOwed()
        return try await books.end(of: "order-1")
    }

    @Loop @Test func withTheOrderLockARefundDuringAPricingCounts() async throws {
        try await withBooks { books in
            let end = try await refundDuringAPricing(books, faults: [])
            #expect(end[partner]?.amount == 5000)
            #expect(end.balances[partner]?["partner_pending"] == 5000)
        }
    }

    @Loop @Test func withoutTheOrderLockTheBooksGoWrong() async throws {
        try await withBooks { books in
            let end = try await refundDuringAPricing(books, faults: .skipOrderLock)
            #expect(end.conversion == "partial_refund")
            // The refund is stored, nothing is owed, and the partner still has the whole commission.
            #expect(try await books.number("SELECT count(*) FROM order_facts WHERE kind = 'refund'") == 1)
            #expect(try await books.number("SELECT count(*) FROM orders WHERE priced_seq < facts_seq") == 0)
            #expect(end.balances[partner]?["partner_pending"] == 10_000)
        }
    }

    /// Two books at the same order, each of which has read before either writes. Answers how many failed.
    @Loop private func twoPricingsAtOnce(_ books: TestBooks, faults: LedgerFaults) async throws -> Int {
        let firstRead = Gate()
        let secondAsks = Gate()
        let first = books.anotherBook(faults: faults) { statement in
            guard statement.name == "insert_commissions" else { return }
            firstRead.open()
            await secondAsks.wait()
        }
        let second = books.anotherBook(faults: faults) { statement in
            if statement.name == "lock_orders" || statement.name == "insert_commissions" { secondAsks.open() }
        }
        let owed = try await books.book.record([created("order-1"), confirmed("order-1")]).owedPricings.map(\.orderID)
        async let one = failed { _ = try await first.price(owed) }
        await firstRead.wait()
        async let two = failed { _ = try await second.price(owed) }
        return await [one, two].count(where: \.self)
    }

    @Loop private func failed(_ body: @Loop () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch {
            return true
        }
    }

    @Loop @Test func withTheOrderLockTwoPricingsAtOnceAreOne() async throws {
        try await withBooks { books in
            let failures = try await twoPricingsAtOnce(books, faults: [])
            #expect(failures == 0)
            #expect(try await books.number("SELECT count(*) FROM ledger_entries") == 1)
        }
    }

    @Loop @Test func withoutTheOrderLockTwoPricingsAtOnceCollide() async throws {
        try await withBooks { books in
            let failures = try await twoPricingsAtOnce(books, faults: .skipOrderLock)
            #expect(failures == 1)
        }
    }

    @Loop private func sayRefundTwice(_ books: TestBooks, id: String?, faults: LedgerFaults) async throws -> BookEnd {
        let book = books.anotherBook(faults: faults)
        let refund = try refunded("order-1", 20_000)
        for batch in [
            [try created("order-1"), try confirmed("order-1")], [refund], [try refunded("order-1", 20_000, id: id)],
        ] {
            let recording = try await book.record(batch)
            _ = try await book.price(recording.owedPricings.map(\.orderID))
        }
        return try await books.end(of: "order-1")
    }

    @Loop @Test(arguments: [nil, "another-event"])
    func aRefundThatIsSaidTwiceCountsOnce(id: String?) async throws {
        try await withBooks { books in
            let end = try await sayRefundTwice(books, id: id, faults: [])
            #expect(end.refundedAmount == 20_000)
            #expect(end.balances[partner]?["partner_pending"] == 8000)
        }
    }

    @Loop @Test(arguments: [nil, "another-event"])
    func withoutFactUniquenessARefundThatIsSaidTwiceCountsTwice(id: String?) async throws {
        try await withBooks { books in
            let end = try await sayRefundTwice(books, id: id, faults: .skipFactUniqueness)
            #expect(end.refundedAmount == 40_000)
            #expect(end.balances[partner]?["partner_pending"] == 6000)
        }
    }

    /// An order was priced by its code, since the click that it names was not there and too old to be waited for; it was
    /// confirmed and paid. Then the click is stored, another partner's, and the pricing's job comes a second time.
    @Loop private func priceAPaidOrderAgain(_ books: TestBooks, faults: LedgerFaults) async throws -> BookEnd {
        let click = UUID.version7(at: instant(orderTime - hour))
        let order = try created("order-1", content(adding: [("clickId", .string(click.description))]))
        try await books.process([order, confirmed("order-1")])
        _ = try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
        _ = try await books.book.perform(
            OrderBook.OperatorOrder(
                id: uuid(900), commissionID: try await books.commissionID("order-1"),
                act: .pay(method: "bank_transfer", reference: "TX-1"), by: "admin-1", reason: ""))
        try await books.insertClick(click, of: rival, at: instant(orderTime - hour))
        _ = try await books.anotherBook(faults: faults).price([order.orderID])
        return try await books.end(of: "order-1")
    }

    @Loop @Test func withTheLookAtTheOwedRowAPaidOrderStaysWhenItsJobComesAgain() async throws {
        try await withBooks { books in
            let end = try await priceAPaidOrderAgain(books, faults: [])
            #expect(end.balances == [partner: ["programme_expense": -10_000, "partner_paid": 10_000]])
            #expect(end[rival] == nil)
        }
    }

    @Loop @Test func withoutTheLookAtTheOwedRowAPaidOrderIsTakenBackWhenItsJobComesAgain() async throws {
        try await withBooks { books in
            let end = try await priceAPaidOrderAgain(books, faults: .skipOwedLook)
            #expect(end.balances[partner]?["partner_confirmed"] == -10_000)
            #expect(end[rival]?.amount == 10_000)
        }
    }
}
