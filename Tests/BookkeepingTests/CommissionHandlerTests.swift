import Bookkeeping
import Core
import EventLoop
import Fleet
import Ledger
import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite("Orders are priced by their jobs")
struct CommissionHandlerTests {
    init() { Loop.startThread() }

    @Loop @Test func aBatchPricesEachOrderAndForwardsEachDelivery() async throws {
        try await BooksFixture.run { fixture in
            let recording = try await fixture.book.record(
                (1...3).flatMap { [try created("order-\($0)"), try confirmed("order-\($0)")] })
            #expect(recording.owedPricings.count == 3)
            var jobs = recording.owedPricings.map { NewJob.pricing($0) }
            jobs.insert(.malformed("malformed", .commissions, kind: NewJob.pricingKind), at: 0)
            _ = try await fixture.queue.enqueue(jobs)
            try fixture.work(.commissions, CommissionHandler(book: fixture.book))
            try await eventually { try await fixture.commissions() == (1...3).map { "order-\($0) pending 10000" } }
            try await eventually { try await fixture.depth(.webhooks) == 3 }
            try await eventually { try await fixture.queue.find("malformed", in: .commissions)?.state == .dead }
        }
    }

    @Loop @Test func aJobThatComesAgainChangesNothing() async throws {
        try await BooksFixture.run { fixture in
            let owed = try await fixture.book.record([created("order-1"), confirmed("order-1")]).owedPricings
            _ = try await fixture.queue.enqueue(owed.map { NewJob.pricing($0) })
            let jobs = try await fixture.lease(.commissions)
            let handler = CommissionHandler(book: fixture.book)
            let first = try await handler.handle(jobs)
            let again = try await handler.handle(jobs)
            guard case .completed(let deliveries) = first[0], case .completed(let none) = again[0] else {
                Issue.record("not completed: \(first) \(again)")
                return
            }
            // The second time nothing is owed: its deliveries are the sweep's, should the first acknowledgement be lost.
            #expect(deliveries.count == 1 && none.isEmpty)
            #expect(try await fixture.number("SELECT count(*) FROM ledger_entries") == 1)
            #expect(try await fixture.number("SELECT count(*) FROM audit_logs") == 1)
            #expect(try await fixture.number("SELECT count(*) FROM webhook_deliveries") == 1)
        }
    }

    @Loop @Test func theBadOrderOfABatchFailsAlone() async throws {
        try await BooksFixture.run { fixture in
            let owed = try await fixture.book.record(
                (1...4).flatMap { [try created("order-\($0)"), try confirmed("order-\($0)")] }
            ).owedPricings
            let bad = try created("order-2").orderID
            try await fixture.pool.executeScript("UPDATE orders SET catalogue = '{}' WHERE id = '\(bad)'")
            _ = try await fixture.queue.enqueue(owed.map { NewJob.pricing($0) })
            try fixture.work(.commissions, CommissionHandler(book: fixture.book))
            try await eventually {
                try await fixture.commissions() == [1, 3, 4].map { "order-\($0) pending 10000" }
            }
            try await eventually {
                let job = try await fixture.queue.find("price-\(bad)-2", in: .commissions)
                return job?.state == .scheduled && job?.attempt == 1
            }
        }
    }
}
