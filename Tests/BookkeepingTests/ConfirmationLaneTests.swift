import Bookkeeping
import Core
import EventLoop
import Ledger
import Postgres
import TestSupport
import Testing

@testable import JobQueue

/// A run works on several chunks at a time; what it counts and sets aside is the same.
@Suite struct ConfirmationLaneTests {
    init() { Loop.startThread() }

    private let date = CivilDate("2025-11-11")!

    /// Prices so many orders and answers the report of a run over them.
    @Loop private func confirm(
        _ count: Int, lanes: Int, chunk: Int, _ fixture: BooksFixture, bad: [Int] = []
    ) async throws -> ConfirmationRun.Report {
        for number in 0..<count {
            let order = try created("order-\(number)")
            let owed = try await fixture.book.record([
                order, confirmed("order-\(number)", at: orderTime + 1000 + Int64(number) * 10),
            ])
            _ = try await fixture.book.price(owed.owedPricings.map(\.orderID))
            guard bad.contains(number) else { continue }
            try await fixture.pool.executeScript(
                """
                INSERT INTO order_facts (order_id, seq, kind, fact_key, digest, occurred_at, accepted_at, data)
                VALUES ('\(order.orderID)', 3, 'of_the_future', 'x', '', now(), now(), '{}')
                """)
        }
        let run = ConfirmationRun(pool: fixture.pool)
        let id = try await run.request(date: date, now: holdEnd + .seconds(10), allowsFuture: false)
        _ = try await fixture.queue.enqueue(.batch(id))
        let jobs = try await fixture.lease(.batches)
        let handler = ConfirmationHandler(
            book: fixture.book, pool: fixture.pool, queue: fixture.queue, chunk: chunk, lanes: lanes)
        _ = try await handler.handle(jobs)
        return try #require(try await run.report(id))
    }

    @Loop @Test(arguments: [1, 2, 3]) func everyOrderIsConfirmedAndCountedOnce(lanes: Int) async throws {
        try await BooksFixture.run { fixture in
            let report = try await confirm(13, lanes: lanes, chunk: 2, fixture)
            #expect(report.isFinished && report.selected == 13 && report.confirmed == 13)
            #expect(report.skipped.object?.members.isEmpty == true)
            #expect(report.sums["KRW"]?.integer == 130_000)
            #expect(try await fixture.number("SELECT count(*) FROM ledger_entries WHERE kind = 'confirmation'") == 13)
            #expect(try await fixture.number("SELECT count(*) FROM audit_logs WHERE action = 'auto_confirmed'") == 13)
        }
    }

    @Loop @Test(arguments: [1, 2]) func whatFailsIsSetAsideAndTheOthersGoOn(lanes: Int) async throws {
        try await BooksFixture.run { fixture in
            let report = try await confirm(11, lanes: lanes, chunk: 3, fixture, bad: [1, 7])
            #expect(report.isFinished && report.confirmed == 9)
            #expect(report.skipped["set_aside"]?.integer == 2)
            #expect(
                try await fixture.commissions().filter { $0.contains("pending") }
                    == ["order-1 pending 10000", "order-7 pending 10000"])
        }
    }
}
