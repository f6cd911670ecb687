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

@Suite("The end of an owed job stands in its row")
struct OwedRowsTests {
    init() { Loop.startThread() }

    private let date = CivilDate("2025-11-11")!

    /// Does nothing and says so: what a worker reaps is all that matters here.
    private final class Idle: JobHandler {
        func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] { batch.map { _ in .completed() } }
    }

    @Loop private func withPoison(_ body: @Loop (BooksFixture) async throws -> Void) async throws {
        try await BooksFixture.run(
            queue: {
                $0.lease = .milliseconds(100)
                $0.crashesMax = 1
            }, body)
    }

    /// Ends two workers in a row over everything a queue holds: after the second one it will be quarantined by whoever reaps.
    @Loop private func endTwoWorkers(_ name: QueueName, _ fixture: BooksFixture) async throws {
        for _ in 0..<2 {
            var jobs: [LeasedJob] = []
            try await eventually {
                jobs = try await fixture.lease(name)
                return !jobs.isEmpty
            }
            fixture.abandon(jobs)
        }
    }

    @Loop private func isQuarantined(_ id: String, _ name: QueueName, _ fixture: BooksFixture) async throws -> Bool {
        try await fixture.queue.find(id, in: name)?.state == .quarantined
    }

    @Loop private func owePricing(_ fixture: BooksFixture) async throws -> (id: String, orderID: UUID) {
        let owed = try await fixture.book.record([created("order-1"), confirmed("order-1")]).owedPricings
        let job = NewJob.pricing(owed[0])
        _ = try await fixture.queue.enqueue([job])
        return (job.id, owed[0].orderID)
    }

    private static let pricingEnd = """
        SELECT concat_ws(' ', pricing_ended_seq, split_part(pricing_end_reason, ':', 1)) FROM orders
        """

    @Loop @Test func aQuarantinedPricingEndsInItsRowAndARedriveBringsItBack() async throws {
        try await withPoison { fixture in
            let (id, _) = try await owePricing(fixture)
            try await endTwoWorkers(.commissions, fixture)
            let rows = OwedRows(pool: fixture.pool)
            try fixture.work(.commissions, CommissionHandler(book: fixture.book), recorder: rows)
            try await eventually { try await fixture.texts(Self.pricingEnd) == ["2 job_quarantined"] }
            #expect(try await isQuarantined(id, .commissions, fixture))
            #expect(try await fixture.commissions().isEmpty)

            // Nothing is owed any more: no sweep brings it back behind the operator's back.
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            let later = try await fixture.clock() + .seconds(60)
            #expect(try await work.enqueueDue(olderThan: .seconds(30), at: later).found.isEmpty)

            let dead = try await fixture.queue.deadLetters(.commissions).jobs
            try await rows.owe(dead)
            #expect(try await fixture.texts(Self.pricingEnd) == [""])
            #expect(try await fixture.queue.redrive(dead) == 1)
            try await eventually { try await fixture.commissions() == ["order-1 pending 10000"] }
            #expect(try await fixture.number("SELECT count(*) FROM orders WHERE owed_since IS NOT NULL") == 0)
        }
    }

    /// The worker that heard of the quarantine died before it told the row, or nobody listened.
    @Loop @Test func theSweepTellsARowThatNobodyTold() async throws {
        try await withPoison { fixture in
            let (id, _) = try await owePricing(fixture)
            try await endTwoWorkers(.commissions, fixture)
            let deaf = try fixture.work(.commissions, CommissionHandler(book: fixture.book))
            try await eventually { try await isQuarantined(id, .commissions, fixture) }
            await deaf.stop()
            #expect(try await fixture.texts(Self.pricingEnd) == [""])
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            let report = try await work.enqueueDue(olderThan: .zero)
            #expect(report.found == ["pricings": 1] && report.stuck == ["pricings": 1] && report.addedTotal == 0)
            #expect(try await fixture.texts(Self.pricingEnd) == ["2 job_quarantined"])
            #expect(try await work.enqueueDue(olderThan: .zero).found.isEmpty)
        }
    }

    @Loop @Test func aNewFactIsOwedThoughAnEarlierPricingEnded() async throws {
        try await BooksFixture.run { fixture in
            let (id, orderID) = try await owePricing(fixture)
            let rows = OwedRows(pool: fixture.pool)
            try await rows.record([
                try await end(of: id, .commissions, fixture)
            ])
            #expect(try await fixture.texts(Self.pricingEnd) == ["2 job_dead"])
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            #expect(try await work.enqueueDue(olderThan: .zero).found.isEmpty)
            let owed = try await fixture.book.record([refunded("order-1", 50_000)]).owedPricings
            #expect(owed.map(\.factsSeq) == [3])
            #expect(try await work.enqueueDue(olderThan: .zero).added == ["pricings": 1])
            _ = try await fixture.book.price([orderID])
            #expect(try await fixture.commissions() == ["order-1 pending 5000"])
            // An end that comes late, when the money is in, changes nothing.
            try await rows.record([JobEnd(try #require(try await fixture.queue.find(id, in: .commissions)))])
            #expect(try await fixture.number("SELECT pricing_ended_seq FROM orders") == 2)
        }
    }

    /// Such as of a worker that had priced it and crashed, until its job was quarantined.
    @Loop @Test func anEndAfterThePricingEndsNothing() async throws {
        try await BooksFixture.run { fixture in
            let (id, orderID) = try await owePricing(fixture)
            _ = try await fixture.book.price([orderID])
            try await OwedRows(pool: fixture.pool).record([try await end(of: id, .commissions, fixture)])
            #expect(try await fixture.texts(Self.pricingEnd) == [""])
        }
    }

    /// A job of the queue, as if it had just died.
    @Loop private func end(of id: String, _ name: QueueName, _ fixture: BooksFixture) async throws -> JobEnd {
        for job in try await fixture.lease(name) { _ = try await fixture.queue.bury(job, reason: "a test ended it") }
        return JobEnd(try #require(try await fixture.queue.find(id, in: name)))
    }

    @Loop @Test func aQuarantinedDeliveryEndsInItsRowAndARedriveBringsItBack() async throws {
        try await withPoison { fixture in
            let owed = try await fixture.book.record([created("order-1"), confirmed("order-1")]).owedPricings
            let deliveries = try await fixture.book.price(owed.map(\.orderID)).owedDeliveries
            _ = try await fixture.queue.enqueue(deliveries.map(NewJob.delivery))
            let id = "delivery-\(deliveries[0].deliveryID)-0"
            try await endTwoWorkers(.webhooks, fixture)
            let rows = OwedRows(pool: fixture.pool)
            let worker = try fixture.work(.webhooks, Idle(), recorder: rows)
            let status = "SELECT concat_ws(' ', status, split_part(end_reason, ':', 1)) FROM webhook_deliveries"
            try await eventually { try await fixture.texts(status) == ["dead job_quarantined"] }
            #expect(try await isQuarantined(id, .webhooks, fixture))
            await worker.stop()
            let dead = try await fixture.queue.deadLetters(.webhooks).jobs
            try await rows.owe(dead)
            #expect(try await fixture.texts(status) == ["owed"])
            #expect(
                try await fixture.number(
                    "SELECT count(*) FROM webhook_deliveries WHERE expires_at > clock_timestamp() + interval '4 days'")
                    == 1)
            #expect(try await fixture.queue.redrive(dead) == 1)
            #expect(try await fixture.queue.find(id, in: .webhooks)?.state == .ready)
        }
    }

    @Loop @Test func aDeadRunAndADeadNotificationEndInTheirRows() async throws {
        try await BooksFixture.run { fixture in
            let run = ConfirmationRun(pool: fixture.pool)
            let runID = try await run.request(date: date, now: holdEnd, allowsFuture: false)
            let ids = try await fixture.pool.transaction { transaction in
                try await NotificationBook.owe(
                    Notification(kind: "test", subject: "Subject", body: "Body"), on: [.mail], in: transaction)
            }
            _ = try await fixture.queue.enqueue([.batch(runID), .notification(ids[0])])
            let rows = OwedRows(pool: fixture.pool)
            try await rows.record([
                try await end(of: "batch-\(runID)", .batches, fixture),
                try await end(of: "notification-\(ids[0])", .notifications, fixture),
            ])
            let dead = try #require(try await run.report(runID))
            #expect(dead.state == .dead && dead.endReason == "job_dead: a test ended it")
            #expect(try await fixture.texts("SELECT status FROM notifications") == ["dead"])
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            #expect(try await work.enqueueDue(olderThan: .zero).found.isEmpty)
            // A dead run does nothing until it is redriven.
            let handler = ConfirmationHandler(book: fixture.book, pool: fixture.pool, queue: fixture.queue)
            try fixture.work(.batches, handler, recorder: rows)
            let letters = try await fixture.queue.deadLetters(.batches).jobs
            try await rows.owe(letters)
            #expect(try await fixture.queue.redrive(letters) == 1)
            try await eventually { try await run.report(runID)?.isFinished == true }
            try await rows.owe(try await fixture.queue.deadLetters(.notifications).jobs)
            #expect(try await fixture.texts("SELECT status FROM notifications") == ["owed"])
        }
    }

    @Loop @Test func aRunThatIsDeadInItsRowIsNotCarriedOn() async throws {
        try await BooksFixture.run { fixture in
            let runID = try await ConfirmationRun(pool: fixture.pool).request(
                date: date, now: holdEnd, allowsFuture: false)
            let owed = try await fixture.book.record([created("order-1"), confirmed("order-1")]).owedPricings
            _ = try await fixture.book.price(owed.map(\.orderID))
            try await fixture.pool.executeScript("UPDATE batch_runs SET state = 'dead', end_reason = 'test'")
            _ = try await fixture.queue.enqueue(.batch(runID))
            try fixture.work(
                .batches, ConfirmationHandler(book: fixture.book, pool: fixture.pool, queue: fixture.queue))
            try await eventually { try await fixture.depth(.batches) == 0 }
            #expect(try await fixture.commissions() == ["order-1 pending 10000"])
        }
    }

    @Loop @Test func aPricingThatUsesUpItsAttemptsEndsInItsRow() async throws {
        try await BooksFixture.run { fixture in
            let owed = try await fixture.book.record([created("order-1"), confirmed("order-1")]).owedPricings
            try await fixture.pool.executeScript("UPDATE orders SET catalogue = '{}'")
            var job = NewJob.pricing(owed[0])
            job.maxAttempts = 1
            _ = try await fixture.queue.enqueue(job)
            let id = job.id
            try fixture.work(
                .commissions, CommissionHandler(book: fixture.book), recorder: OwedRows(pool: fixture.pool))
            try await eventually { try await fixture.queue.find(id, in: .commissions)?.state == .dead }
            // The row was told first, so it knows whenever the queue does.
            #expect(try await fixture.texts(Self.pricingEnd) == ["2 job_dead"])
        }
    }
}

@Suite("A step has one name")
struct OwedJobsTests {
    @Test func theSameStepIsTheSameJobAndTheNextIsAnother() {
        let order = uuid(7)
        func pricing(_ seq: Int64, look: String? = nil) -> String {
            NewJob.pricing(OrderBook.OwedPricing(orderID: order, factsSeq: seq), look: look).id
        }
        #expect(pricing(2) == pricing(2))
        #expect(Set([pricing(2), pricing(3), pricing(2, look: "t1"), pricing(2, look: "t2")]).count == 4)
        func delivery(_ attempt: Int64) -> NewJob {
            .delivery(
                OrderBook.OwedDelivery(
                    deliveryID: uuid(8), endpointID: endpoint, attempt: attempt, delay: .seconds(attempt)))
        }
        #expect(delivery(0).id != delivery(1).id)
        #expect(delivery(0).payload == delivery(1).payload && delivery(1).delay == .seconds(1))
        // An order's jobs share a shard, and those of an endpoint.
        #expect(NewJob.batch(uuid(9)).id == "batch-\(uuid(9))")
        #expect(delivery(0).shardKey == endpoint.description)
    }
}
