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

@Suite("What ended dead and whose dead letter is lost comes back at an operator's word")
struct LostEndsTests {
    init() { Loop.startThread() }

    /// A job of each kind that rows owe, all dead, and their rows told of it.
    @Loop private func endEverything(_ fixture: BooksFixture, reason: String) async throws {
        let priced = try await fixture.book.record([created("priced"), confirmed("priced")]).owedPricings
        let deliveries = try await fixture.book.price(priced.map(\.orderID)).owedDeliveries
        let pricings = try await fixture.book.record([created("unpriced"), confirmed("unpriced")]).owedPricings
        let notifications = try await fixture.pool.transaction { transaction in
            try await NotificationBook.owe(
                Notification(kind: "test", subject: "Subject", body: "Body"), on: [.mail], in: transaction)
        }
        let run = try await ConfirmationRun(pool: fixture.pool).request(
            date: CivilDate("2025-11-11")!, now: holdEnd, allowsFuture: false)
        let jobs =
            pricings.map { NewJob.pricing($0) } + deliveries.map(NewJob.delivery)
            + notifications.map(NewJob.notification)
            + [.batch(run)]
        _ = try await fixture.queue.enqueue(jobs)
        for name in Set(jobs.map(\.queue)) {
            for job in try await fixture.lease(name) { _ = try await fixture.queue.bury(job, reason: reason) }
        }
        var ends: [JobEnd] = []
        for job in jobs {
            ends.append(JobEnd(try #require(try await fixture.queue.find(job.id, in: job.queue)), reason: reason))
        }
        try await OwedRows(pool: fixture.pool).record(ends)
    }

    @Loop private func withLoss(
        reason: String, _ body: @Loop (BooksFixture) async throws -> Void
    ) async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        try await BooksFixture.run(redis: redis) { fixture in
            try await endEverything(fixture, reason: reason)
            let lost = LostEnds(pool: fixture.pool, queue: fixture.queue)
            #expect(try await lost.owe().isEmpty, "their dead letters are there to be redriven")
            try await fixture.forgetEverything()
            try await body(fixture)
        }
    }

    @Loop @Test func everyKindComesBackOnce() async throws {
        try await withLoss(reason: "a test ended it") { fixture in
            let lost = LostEnds(pool: fixture.pool, queue: fixture.queue)
            let work = OwedWork(pool: fixture.pool, queue: fixture.queue)
            let before = try await work.enqueueDue(olderThan: .zero)
            #expect(before.found.isEmpty)
            let all = ["pricings": 1, "deliveries": 1, "notifications": 1, "runs": 1]
            #expect(try await lost.owe() == all)
            #expect(try await lost.owe().isEmpty)
            #expect(try await work.enqueueDue(olderThan: .zero).added == all)
        }
    }

    @Loop @Test func whatAnOperatorDeletedStaysDead() async throws {
        try await withLoss(reason: OwedRows.deletionMark + "kim") { fixture in
            let revived = try await LostEnds(pool: fixture.pool, queue: fixture.queue).owe()
            #expect(revived.isEmpty)
        }
    }

    /// What `tributary cancel` does: the row of a job that waits, then the job.
    @Loop @Test func whatAnOperatorCancelledStaysEnded() async throws {
        try await BooksFixture.run { fixture in
            let priced = try await fixture.book.record([created("a"), confirmed("a")]).owedPricings
            let owed = try #require(priced.first)
            _ = try await fixture.queue.enqueue(NewJob.pricing(owed))
            let job = try #require(try await fixture.queue.find(NewJob.pricing(owed).id, in: .commissions))
            try await OwedRows(pool: fixture.pool).record(
                [JobEnd(job, reason: OwedRows.deletionMark + "kim: its job was cancelled")])
            #expect(try await fixture.queue.cancel(job.id, in: .commissions) == .cancelled)
            #expect(try await LostEnds(pool: fixture.pool, queue: fixture.queue).owe().isEmpty)
            let found = try await OwedWork(pool: fixture.pool, queue: fixture.queue).enqueueDue(olderThan: .zero).found
            #expect(found.isEmpty)
        }
    }
}
