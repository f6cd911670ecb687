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

@Suite("What is owed and in no queue comes back")
struct OwedWorkTests {
    init() { Loop.startThread() }

    private let date = CivilDate("2025-11-11")!

    /// Every kind of row owes something, and no queue holds a job.
    @Loop private func oweEverything(_ fixture: BooksFixture) async throws -> UUID {
        let priced = try await fixture.book.record([created("priced"), confirmed("priced")]).owedPricings
        _ = try await fixture.book.price(priced.map(\.orderID))
        let click = UUID.version7(at: Loop.wallClock)
        _ = try await fixture.book.record([
            created("unpriced"), confirmed("unpriced"), created("touched", [("clickId", .string(click.description))]),
        ])
        _ = try await fixture.pool.transaction { transaction in
            try await NotificationBook.owe(
                Notification(kind: "test", subject: "Subject", body: "Body"), on: [.mail], in: transaction)
        }
        _ = try await ConfirmationRun(pool: fixture.pool).request(date: date, now: holdEnd, allowsFuture: false)
        return click
    }

    /// - Parameter since: what the row says that it has been due since.
    @Loop
    @Test(arguments: [
        ("pricings", "SELECT owed_since FROM orders WHERE external_id = 'unpriced'"),
        ("touches", "SELECT touch_due_at FROM orders WHERE external_id = 'touched'"),
        ("deliveries", "SELECT next_attempt_at FROM webhook_deliveries"),
        ("notifications", "SELECT next_attempt_at FROM notifications"), ("runs", "SELECT owed_since FROM batch_runs"),
    ])
    func whatFollowUpsDroppedIsFoundAfterHalfAMinuteAndNotBefore(what: String, since: String) async throws {
        try await BooksFixture.run { fixture in
            _ = try await oweEverything(fixture)
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            let instant = try await fixture.instant(since)
            // Rows keep microseconds, of which an instant has none.
            let early = try await work.enqueueDue(olderThan: .seconds(30), at: instant + .milliseconds(29_999))
            #expect(early.found[what] == nil)
            let due = try await work.enqueueDue(olderThan: .seconds(30), at: instant + .milliseconds(30_001))
            #expect(due.added[what] == 1)
            // What a queue holds is found there by its id.
            let later = try await fixture.clock() + .seconds(60)
            #expect(try await work.enqueueDue(olderThan: .seconds(30), at: later).found.values.reduce(0, +) == 5)
            let again = try await work.enqueueDue(olderThan: .seconds(30), at: later)
            #expect(again.addedTotal == 0 && again.found.values.reduce(0, +) == 5)
        }
    }

    @Loop @Test func whatTheSweepEnqueuesIsDone() async throws {
        try await BooksFixture.run { fixture in
            let click = try await oweEverything(fixture)
            // The click comes late, another partner's.
            try await fixture.pool.executeScript(
                """
                INSERT INTO referral_clicks (id, programme, partner_id, referral_code, status, clicked_at)
                VALUES ('\(click)', 'default', '\(rival)', 'PARTNER002', 'valid', '2025-11-03T09:00:00Z')
                """)
            try fixture.workOrders()
            try fixture.work(
                .batches, ConfirmationHandler(book: fixture.book, pool: fixture.pool, queue: fixture.queue))
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            let later = try await fixture.clock() + .seconds(60)
            #expect(try await work.enqueueDue(olderThan: .seconds(30), at: later).addedTotal == 5)
            try await eventually {
                try await fixture.number("SELECT count(*) FROM batch_runs WHERE state = 'finished'") == 1
            }
            try await eventually {
                try await fixture.texts(
                    "SELECT partner_id::text FROM conversion_events WHERE external_order_id = 'touched'")
                    == [rival.description]
            }
            try await eventually {
                try await fixture.number("SELECT count(*) FROM orders WHERE priced_seq < facts_seq") == 0
            }
        }
    }

    @Loop @Test func aQueueThatLostEverythingIsRebuilt() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        try await BooksFixture.run(redis: redis) { fixture in
            for number in 1...20 {
                let order = "order-\(number)"
                let owed = try await fixture.book.record([created(order), confirmed(order)]).owedPricings
                if number <= 10 { _ = try await fixture.book.price(owed.map(\.orderID)) }
            }
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            #expect(try await work.enqueueDue(olderThan: .zero).added == ["pricings": 10, "deliveries": 10])
            try await fixture.forgetEverything()
            #expect(try await fixture.depth(.commissions) + fixture.depth(.webhooks) == 0)
            #expect(try await work.enqueueDue(olderThan: .zero).added == ["pricings": 10, "deliveries": 10])
            #expect(try await work.enqueueDue(olderThan: .zero).addedTotal == 0)
            try fixture.workOrders()
            try await eventually {
                try await fixture.number("SELECT count(*) FROM partner_commissions WHERE status = 'pending'") == 20
            }
            #expect(try await fixture.number("SELECT count(*) FROM ledger_entries") == 20)
            try await eventually { try await fixture.depth(.webhooks) == 20 }
        }
    }

    /// What is promised is no client's to send again later.
    @Loop @Test func noLimitOfAQueueKeepsWhatIsOwedOut() async throws {
        try await BooksFixture.run(queue: { $0.lengthMax = [.commissions: 2] }) { fixture in
            for number in 1...20 { _ = try await fixture.book.record([created("order-\(number)")]) }
            for number in 1...20 { _ = try await fixture.book.record([confirmed("order-\(number)")]) }
            let report = try await OwedWork(pool: fixture.pool, queue: fixture.queue).enqueueDue(olderThan: .zero)
            #expect(report.added == ["pricings": 20])
            #expect(try await fixture.depth(.commissions) == 20)
        }
    }

    @Loop @Test func theServiceSweepsByItself() async throws {
        try await BooksFixture.run { fixture in
            _ = try await fixture.book.record([created("order-1"), confirmed("order-1")])
            try fixture.workOrders()
            let sweep = Sweep(
                OwedWork(pool: fixture.pool, queue: fixture.queue), interval: .milliseconds(5), age: .zero)
            sweep.start()
            try await eventually { try await fixture.commissions() == ["order-1 pending 10000"] }
            sweep.quiet()
            await sweep.drain()
            await sweep.stop()
        }
    }

    @Loop @Test func aSweepOutlivesADatabaseThatGoesAway() async throws {
        let proxy = try TestProxy(to: try await TestServers.postgres.port)
        defer { proxy.close() }
        try await BooksFixture.run(port: proxy.port) { fixture in
            _ = try await fixture.book.record([created("order-1"), confirmed("order-1")])
            proxy.refusesConnections = true
            proxy.cutNow()
            let before = proxy.acceptedCount
            let sweep = Sweep(
                OwedWork(pool: fixture.pool, queue: fixture.queue), interval: .milliseconds(5), age: .zero)
            sweep.start()
            try await eventually { proxy.acceptedCount > before + 2 }
            proxy.refusesConnections = false
            try await eventually { try await fixture.depth(.commissions) == 1 }
            sweep.quiet()
            await sweep.drain()
        }
    }

    @Loop @Test func slicesAreWorkedThroughToTheEnd() async throws {
        try await BooksFixture.run { fixture in
            // More than a slice of rows, all owed.
            try await fixture.pool.executeScript(
                """
                INSERT INTO orders (id, programme, source, external_id, facts_seq, owed_since)
                SELECT gen_random_uuid(), 'default', 'shop', 'order-' || i, 1, clock_timestamp()
                FROM generate_series(1, 1201) i
                """)
            let report = try await OwedWork(pool: fixture.pool, queue: fixture.queue).enqueueDue(olderThan: .zero)
            #expect(report.found == ["pricings": 1201] && report.added == ["pricings": 1201])
        }
    }
}

@Suite("An order that waits too long is told to the operators")
struct OperatorAlertTests {
    init() { Loop.startThread() }

    @Loop @Test func anOrderParkedForMoreThanADayIsToldOnce() async throws {
        try await BooksFixture.run { fixture in
            _ = try await fixture.book.record([confirmed("order-1"), confirmed("order-2")])
            let since = try await fixture.instant("SELECT max(parked_since) FROM orders")
            let alerts = OperatorAlerts(pool: fixture.pool, channels: [.mail, .chat])
            #expect(try await alerts.parkedOrders(at: since + .milliseconds(day - 1000)).isEmpty)
            #expect(try await alerts.parkedOrders(at: since + .milliseconds(day + 1)).count == 2)
            // At most once an hour, however often somebody looks.
            #expect(try await alerts.parkedOrders(at: since + .milliseconds(day + 2)).isEmpty)
            let told = try await fixture.texts("SELECT DISTINCT subject || body FROM notifications")
            #expect(told.count == 1)
            #expect(told[0].contains("2 orders wait") && told[0].contains("Order order-1"))
            _ = try await fixture.book.record([created("order-1"), created("order-2")])
            #expect(try await alerts.parkedOrders(at: since + .milliseconds(2 * day)).isEmpty)
        }
    }

    @Loop @Test func withoutAChannelNobodyIsTold() async throws {
        try await BooksFixture.run { fixture in
            _ = try await fixture.book.record([confirmed("order-1")])
            let alerts = OperatorAlerts(pool: fixture.pool, channels: [])
            #expect(try await alerts.parkedOrders(at: try await fixture.clock() + .milliseconds(2 * day)).isEmpty)
            #expect(try await alerts.overRefunded(["order-1"]).isEmpty)
            #expect(try await fixture.number("SELECT count(*) FROM alert_periods") == 0)
        }
    }
}
