import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue
import Ledger
import Notifications
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ConfirmationReportTests {
    init() { Loop.startThread() }

    @Loop @Test func `the report of a confirmation run is mailed and posted by the workers`() async throws {
        try await OperatorsFixture.run { fixture in
            let batches = try await fixture.start { fleet in
                fleet.work(
                    .batches,
                    ConfirmationHandler(
                        book: OrderBook(pool: fleet.postgres), pool: fleet.postgres, queue: fleet.queue,
                        channels: fleet.configuration.notificationChannels))
            }
            _ = try await fixture.startNotificationWorker()
            let date = try #require(CivilDate("2026-03-01"))
            let run = try await ConfirmationRun(pool: fixture.pool).request(date: date, now: nil, allowsFuture: false)
            _ = try await batches.queue.enqueue(NewJob.batch(run))
            // No sweep: the batch worker enqueues the report itself.
            try await eventually { try await fixture.notifications() == ["mail sent", "chat sent"] }
            let mail = try #require(try fixture.mails().first)
            #expect(mail.subject == "Commissions confirmed for 2026-03-01: 0")
            #expect(mail.message.contains("Orders selected: 0"))
            #expect(fixture.chatTexts.first?.contains("Business date: 2026-03-01") == true)
        }
    }
}
