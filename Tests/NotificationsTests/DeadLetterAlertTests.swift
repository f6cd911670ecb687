import Core
import EventLoop
import Fleet
import JobQueue
import Postgres
import TestSupport
import Testing

@testable import Notifications

/// From a job that dies to what the operators read, through real stores, a mail server and a chat.
@Suite(.timeLimit(.minutes(2))) struct DeadLetterAlertTests {
    init() { Loop.startThread() }

    @Loop private struct Burier: JobHandler {
        func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
            batch.map { _ in .dead(reason: "an order without a customer") }
        }
    }

    @Loop private func die(_ id: String, _ process: FleetProcess, in queue: QueueName = .commissions) async throws {
        _ = try await process.queue.enqueue(
            NewJob(id: id, queue: queue, kind: "test.v1", payload: [], shardKey: id))
        try await eventually { try await process.queue.find(id, in: queue)?.state == .dead }
    }

    @Loop @Test func `operators hear of a dead job by mail and chat, of the next ones an hour later`() async throws {
        try await OperatorsFixture.run { fixture in
            let dying = try await fixture.start { fleet in
                fleet.alertOfDeadLetters()
                fleet.work(.commissions, Burier())
            }
            let sending = try await fixture.startNotificationWorker()
            try await die("first", dying)
            #expect(try await fixture.notifications() == ["mail owed", "chat owed"])
            try await fixture.sweep(sending)
            try await eventually { try await fixture.notifications() == ["mail sent", "chat sent"] }
            let mail = try #require(try fixture.mails().first)
            #expect(mail.to == ["ops@example.com", "boss@example.com"])
            #expect(mail.subject == "Dead letter in queue commissions")
            for part in ["From: fleet@example.com", "Job first of kind test.v1", "Reason: an order without a customer"]
            {
                #expect(mail.message.contains(part), "\(part) is not in \(mail.message)")
            }
            let chat = try #require(fixture.chatTexts.first)
            #expect(chat.hasPrefix(#"{"text":"*Dead letter in queue commissions*\nJob first of kind test.v1"#))

            // Within the hour: counted, not told.
            try await die("second", dying)
            try await die("third", dying)
            try await fixture.sweep(sending)
            #expect(try await fixture.notifications().count == 2)

            try await fixture.execute("UPDATE alert_periods SET last_at = last_at - interval '1 hour'")
            try await die("fourth", dying)
            try await fixture.sweep(sending)
            try await eventually {
                try await fixture.notifications()
                    == Array(repeating: ["mail sent", "chat sent"], count: 2).flatMap(\.self)
            }
            let mails = try fixture.mails()
            #expect(mails.count == 2 && fixture.chatTexts.count == 2)
            #expect(mails.last?.message.contains("2 more ended since the last alert.") == true)
        }
    }

    @Loop @Test func `while the mail server is down mail is owed, and the chat hears all the same`() async throws {
        try await OperatorsFixture.run { fixture in
            await fixture.stopMailbox()
            let dying = try await fixture.start { fleet in
                fleet.alertOfDeadLetters()
                fleet.work(.commissions, Burier())
            }
            let sending = try await fixture.startNotificationWorker()
            try await die("first", dying)
            try await fixture.sweep(sending)
            try await eventually { try await fixture.notifications() == ["mail owed", "chat sent"] }
            try await fixture.startMailbox()
            try await eventually { try await fixture.notifications() == ["mail sent", "chat sent"] }
            #expect(try fixture.mails().count == 1)
            #expect(fixture.chatTexts.count == 1)
        }
    }

    @Loop @Test func `a dead notification is no reason for another one`() async throws {
        try await OperatorsFixture.run { fixture in
            let process = try await fixture.start { fleet in
                fleet.alertOfDeadLetters()
                fleet.work(.notifications, Burier())
            }
            try await die("note", process, in: .notifications)
            #expect(try await fixture.notifications() == [])
        }
    }

    @Loop @Test func `without channels nobody is told, and nothing is owed`() async throws {
        try await OperatorsFixture.run { fixture in
            let alert = DeadLetterAlert(pool: fixture.pool, channels: [])
            try await alert.record([
                JobEnd(
                    id: "x", queue: .clicks, kind: "test.v1", payload: [], attempt: 1, state: .dead, reason: "none")
            ])
            #expect(try await fixture.notifications() == [])
        }
    }
}
