import Bookkeeping
import Core
import EventLoop
import Fleet
import Ledger
import Notifications
import Postgres
import TestSupport
import Testing

@testable import JobQueue

@Suite("A confirmation run is carried to its end, once")
struct ConfirmationTests {
    init() { Loop.startThread() }

    private let date = CivilDate("2025-11-11")!

    /// Orders that were confirmed a second apart, so that their holds end a second apart.
    @Loop private func priceOrders(_ count: Int64, _ fixture: BooksFixture) async throws {
        for number in 0..<count {
            let order = "order-\(number + 1)"
            let owed = try await fixture.book.record([
                created(order), confirmed(order, at: orderTime + 1000 + number * 1000),
            ])
            _ = try await fixture.book.price(owed.owedPricings.map(\.orderID))
        }
    }

    @Loop private func request(_ now: EpochMilliseconds, _ fixture: BooksFixture) async throws -> UUID {
        try await ConfirmationRun(pool: fixture.pool).request(date: date, now: now, allowsFuture: false)
    }

    @Loop private func report(_ id: UUID, _ fixture: BooksFixture) async throws -> ConfirmationRun.Report {
        try #require(try await ConfirmationRun(pool: fixture.pool).report(id))
    }

    /// What a change of any row would change.
    @Loop private func fingerprint(_ fixture: BooksFixture) async throws -> [String] {
        try await fixture.texts(
            """
            SELECT concat_ws(' ', (SELECT sum(version) FROM partner_commissions), (SELECT count(*) FROM ledger_entries),
                (SELECT count(*) FROM audit_logs), (SELECT count(*) FROM webhook_deliveries),
                (SELECT count(*) FROM batch_runs), (SELECT sum(facts_seq) FROM orders))
            """)
    }

    @Loop @Test func aRunConfirmsWhatIsDueAndTellsPartnersAndOperators() async throws {
        try await BooksFixture.run { fixture in
            try await priceOrders(3, fixture)
            let handler = ConfirmationHandler(
                book: fixture.book, pool: fixture.pool, queue: fixture.queue, channels: [.mail, .chat])
            try fixture.work(.batches, handler)
            let id = try await request(holdEnd, fixture)
            _ = try await fixture.queue.enqueue(.batch(id))
            try await eventually { try await report(id, fixture).isFinished }
            // The hold of the first ends at this very instant, that of the second a second later.
            #expect(
                try await fixture.commissions()
                    == ["order-1 confirmed 10000", "order-2 pending 10000", "order-3 pending 10000"])
            let done = try await report(id, fixture)
            #expect(done.selected == 1 && done.confirmed == 1 && done.now == holdEnd)
            #expect(done.sums["KRW"]?.integer == 10_000 && done.skipped.object?.members.isEmpty == true)
            #expect(
                try await fixture.texts("SELECT action || ' ' || reason FROM audit_logs WHERE action <> 'created'")
                    == ["auto_confirmed Auto-confirmed after hold period"])
            #expect(
                try await fixture.texts("SELECT DISTINCT subject FROM notifications")
                    == ["Commissions confirmed for 2025-11-11: 1"])
            try await eventually { try await fixture.depth(.notifications) == 2 }

            // The same run again finds itself finished.
            try await eventually { try await fixture.depth(.batches) == 0 }
            let before = try await fingerprint(fixture)
            #expect(try await request(holdEnd + .seconds(60), fixture) == id)
            _ = try await fixture.queue.enqueue(.batch(id))
            try await eventually { try await fixture.queue.stats(.batches).sum.completedTotal == 2 }
            #expect(try await fingerprint(fixture) == before)
            #expect(try await fixture.number("SELECT count(*) FROM notifications") == 2)
        }
    }

    /// What follows from a run is promised: no limit of a queue is for it.
    @Loop @Test func fullQueuesTakeWhatFollowsFromARun() async throws {
        try await BooksFixture.run(queue: { $0.lengthMax = [.webhooks: 4, .notifications: 4] }) { fixture in
            try await priceOrders(1, fixture)
            for name in [QueueName.webhooks, .notifications] {
                let filler = (0..<100).map { number in
                    NewJob(id: "job-\(number)", queue: name, kind: "x.v1", payload: [], shardKey: "key-\(number)")
                }
                #expect(try await fixture.queue.enqueue(filler).contains(.full))
                #expect(try await fixture.depth(name) == 4)
            }
            let owed = try await fixture.number("SELECT count(*) FROM webhook_deliveries")
            let handler = ConfirmationHandler(
                book: fixture.book, pool: fixture.pool, queue: fixture.queue, channels: [.mail, .chat])
            try fixture.work(.batches, handler)
            let id = try await request(holdEnd, fixture)
            _ = try await fixture.queue.enqueue(.batch(id))
            try await eventually { try await fixture.queue.stats(.batches).sum.completedTotal == 1 }
            #expect(try await report(id, fixture).confirmed == 1)
            #expect(try await fixture.number("SELECT count(*) FROM webhook_deliveries") == owed + 1)
            #expect(try await fixture.depth(.webhooks) == 4 + 1)
            #expect(try await fixture.depth(.notifications) == 4 + 2)
        }
    }

    @Loop @Test func oneMillisecondBeforeTheHoldEndsNothingIsConfirmed() async throws {
        try await BooksFixture.run { fixture in
            try await priceOrders(1, fixture)
            #expect(try await fixture.book.due(at: holdEnd - .milliseconds(1)).isEmpty)
            #expect(
                try await fixture.book.confirmDue(at: holdEnd - .milliseconds(1), chunk: 10, waiting: true) == nil)
            #expect(try await fixture.commissions() == ["order-1 pending 10000"])
        }
    }

    @Loop @Test func aDryRunSaysWhatItWouldDoAndChangesNothing() async throws {
        try await BooksFixture.run { fixture in
            try await priceOrders(3, fixture)
            let before = try await fingerprint(fixture)
            let due = try await fixture.book.due(at: holdEnd + .seconds(1))
            #expect(due.map(\.currency) == ["KRW"])
            #expect(due.map(\.count) == [2] && due.map(\.sum) == [20_000])
            #expect(try await fingerprint(fixture) == before)
        }
    }

    @Loop @Test func anInstantToComeIsRefusedUnlessItIsADemonstration() async throws {
        try await BooksFixture.run { fixture in
            let run = ConfirmationRun(pool: fixture.pool)
            let clock = try await fixture.clock()
            await #expect(throws: ConfirmationRun.Refused.self) {
                _ = try await run.request(date: date, now: clock + .seconds(60), allowsFuture: false)
            }
            #expect(try await fixture.number("SELECT count(*) FROM batch_runs") == 0)
            let id = try await run.request(date: date, now: clock + .seconds(60), allowsFuture: true)
            let asked = try await report(id, fixture)
            // Both times are recorded: what was asked for, and what the clock said.
            #expect(asked.now == clock + .seconds(60))
            #expect(asked.clockAt >= clock && asked.clockAt < asked.now)
            let other = try await run.request(date: date.adding(days: 1), now: clock, allowsFuture: false)
            #expect(try await report(other, fixture).now == clock)
            let unasked = try await run.request(date: date.adding(days: 2), now: nil, allowsFuture: false)
            #expect(try await report(unasked, fixture).now >= clock)
        }
    }

    /// The process is told to end while the second chunk is on its way: that one is finished, the third is not begun.
    @Loop @Test func aRunThatWasKilledBetweenChunksGoesOnWithItsOwnNow() async throws {
        try await BooksFixture.run { fixture in
            try await priceOrders(6, fixture)
            let id = try await request(holdEnd + .seconds(4), fixture)
            var chunks = 0
            let pool = fixture.anotherPool { configuration in
                configuration.beforeStatement = { statement in
                    guard statement.name == "lock_due" else { return }
                    chunks += 1
                    if chunks == 2 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            _ = try await fixture.queue.enqueue(.batch(id))
            let jobs = try await fixture.lease(.batches)
            let killed = ConfirmationHandler(
                book: OrderBook(pool: pool), pool: pool, queue: fixture.queue, chunk: 2, lanes: 1)
            let task = Task { @Loop in try await killed.handle(jobs) }
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            let half = try await report(id, fixture)
            #expect(half.state == .owed && half.selected == 4 && half.confirmed == 4)

            // The rows' deliveries are owed, whoever enqueues them; the run goes on with the instant that it began with.
            #expect(try await fixture.number("SELECT count(*) FROM webhook_deliveries") == 10)
            let handler = ConfirmationHandler(
                book: fixture.book, pool: fixture.pool, queue: fixture.queue, chunk: 2)
            _ = try await handler.handle(jobs)
            let done = try await report(id, fixture)
            #expect(done.isFinished && done.now == holdEnd + .seconds(4))
            #expect(done.selected == 5 && done.confirmed == 5)
            #expect(done.sums["KRW"]?.integer == 50_000)
            #expect(
                try await fixture.commissions()
                    == (1...5).map { "order-\($0) confirmed 10000" } + ["order-6 pending 10000"])
            #expect(try await fixture.number("SELECT count(*) FROM ledger_entries WHERE kind = 'confirmation'") == 5)
        }
    }

    @Loop @Test func anOrderThatFailsIsSetAsideAndReported() async throws {
        try await BooksFixture.run { fixture in
            try await priceOrders(5, fixture)
            let bad = try created("order-3").orderID
            try await fixture.pool.executeScript(
                """
                INSERT INTO order_facts (order_id, seq, kind, fact_key, digest, occurred_at, accepted_at, data)
                VALUES ('\(bad)', 3, 'of_the_future', 'x', '', now(), now(), '{}')
                """)
            let id = try await request(holdEnd + .seconds(10), fixture)
            _ = try await fixture.queue.enqueue(.batch(id))
            let handler = ConfirmationHandler(
                book: fixture.book, pool: fixture.pool, queue: fixture.queue, channels: [.mail], chunk: 4)
            try fixture.work(.batches, handler)
            try await eventually { try await report(id, fixture).isFinished }
            let done = try await report(id, fixture)
            #expect(done.confirmed == 4 && done.skipped["set_aside"]?.integer == 1)
            #expect(
                try await fixture.commissions().filter { $0.contains("pending") } == ["order-3 pending 10000"])
            #expect(
                try await fixture.number("SELECT count(*) FROM notifications WHERE body LIKE '%set_aside: 1%'") == 1)
        }
    }

    @Loop @Test func aJobThatNamesNoRunIsDead() async throws {
        try await BooksFixture.run { fixture in
            try fixture.work(
                .batches, ConfirmationHandler(book: fixture.book, pool: fixture.pool, queue: fixture.queue))
            _ = try await fixture.queue.enqueue([
                .malformed("malformed", .batches, kind: NewJob.batchKind), .batch(uuid(77)),
            ])
            try await eventually { try await fixture.depth(.batches) == 0 }
            #expect(try await fixture.queue.find("malformed", in: .batches)?.state == .dead)
        }
    }
}
