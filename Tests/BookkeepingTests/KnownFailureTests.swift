import Bookkeeping
import Core
import EventLoop
import Ledger
import Postgres
import TestSupport
import Testing

@testable import JobQueue

/// A worker that stands still in the middle of a transaction holds the locks of its orders. The number is that of
/// `docs/queue.md`.
@Suite("Known failures: locks")
struct KnownFailureTests {
    init() { Loop.startThread() }

    /// To the server it looks as if the process had been stopped: its connection is open and says nothing.
    @Loop @Test("known failure 22: a stopped worker that holds an order's lock is put out, and the next one goes on")
    func aStoppedWorkersLockIsTakenFromIt() async throws {
        let limit = Duration.milliseconds(500)
        try await BooksFixture.run { fixture in
            let proxy = try TestProxy(to: try await TestServers.postgres.port)
            defer { proxy.close() }
            let holdsLock = Gate()
            let goesOn = Gate()
            let pool = fixture.anotherPool {
                $0.address = .ip(proxy.host, port: proxy.port)
                $0.idleInTransactionTimeout = limit
                $0.beforeStatement = { statement in
                    guard statement.name == "insert_ledger_entries", !goesOn.isOpen else { return }
                    proxy.goSilent()
                    holdsLock.open()
                    await goesOn.wait()
                }
            }
            try await pool.waitUntilReady(within: .seconds(10))
            let stopped = OrderBook(pool: pool)
            let owed = try await fixture.book.record([created("order-1"), confirmed("order-1")]).owedPricings
            async let pricing = stopped.price(owed.map(\.orderID))
            await holdsLock.wait()
            let begin = Loop.monotonicMilliseconds
            // It waits for the lock, and not for the worker.
            let more = try await fixture.book.record([refunded("order-1", 50_000)]).owedPricings
            _ = try await fixture.book.price(more.map(\.orderID))
            let waited = Loop.monotonicMilliseconds - begin
            #expect(waited > 100 && waited < 5000)
            #expect(try await fixture.commissions() == ["order-1 pending 5000"])
            // The stopped one goes on: its transaction is over, and what it does again finds nothing owed.
            proxy.forwardAgain()
            goesOn.open()
            _ = try await pricing
            #expect(try await fixture.commissions() == ["order-1 pending 5000"])
            #expect(try await fixture.number("SELECT count(*) FROM ledger_entries") == 1)
        }
    }

    @Test("known failure 22: no time-out of PostgreSQL outlasts half a lease")
    func timeOutsAreBelowHalfALease() {
        let postgres = PostgresConfiguration(
            address: .ip("127.0.0.1", port: 5432), user: "tributary", database: "books")
        let half = JobQueueConfiguration().lease / 2
        for timeout in [postgres.idleInTransactionTimeout, postgres.lockTimeout, postgres.statementTimeout] {
            #expect(timeout > .zero && timeout < half)
        }
    }
}
