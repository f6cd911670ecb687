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

@Suite("Events become facts, and money is forwarded")
struct ConversionHandlerTests {
    init() { Loop.startThread() }

    @Loop @Test func anOrderGoesFromEventToOwedDelivery() async throws {
        try await BooksFixture.run { fixture in
            try fixture.workOrders()
            try await fixture.enqueue(created("order-1"), confirmed("order-1"))
            try await eventually { try await fixture.commissions() == ["order-1 pending 10000"] }
            // The delivery's job was enqueued by the acknowledgement or right after it.
            try await eventually { try await fixture.depth(.webhooks) == 1 }
            try await eventually { try await fixture.depth(.commissions) + fixture.depth(.conversions) == 0 }
            let delivery = try await fixture.texts("SELECT id::text FROM webhook_deliveries WHERE status = 'owed'")
            let job = try await fixture.queue.find("delivery-\(delivery[0])-0", in: .webhooks)
            #expect(job?.state == .ready)
            #expect(try await fixture.texts("SELECT status FROM conversion_events") == ["confirmed"])
        }
    }

    @Loop @Test func aJobThatComesAgainChangesNothing() async throws {
        try await BooksFixture.run { fixture in
            let handler = ConversionHandler(book: fixture.book, pool: fixture.pool)
            try await fixture.enqueue(created("order-1"), confirmed("order-1"))
            let jobs = try await fixture.lease(.conversions)
            let first = try await handler.handle(jobs)
            // A crash between commit and acknowledgement brings the same jobs again, with the same follow-ups.
            let again = try await handler.handle(jobs)
            #expect(followUps(first) == followUps(again))
            #expect(followUps(first).count == 1)
            #expect(try await fixture.number("SELECT count(*) FROM order_facts") == 2)
            #expect(try await fixture.number("SELECT count(*) FROM inbound_events") == 2)
            #expect(try await fixture.number("SELECT count(*) FROM inbound_event_conflicts") == 0)
        }
    }

    @Loop private func followUps(_ outcomes: [JobOutcome]) -> [String] {
        outcomes.flatMap { outcome -> [String] in
            if case .completed(let jobs) = outcome { jobs.map(\.id) } else { [] }
        }
    }

    @Loop @Test func aBadJobInTheMiddleHarmsNoNeighbour() async throws {
        try await BooksFixture.run { fixture in
            var jobs = try (1...5).flatMap { number in
                [NewJob.event(try created("order-\(number)")), .event(try confirmed("order-\(number)"))]
            }
            // One that cannot be read, and one that fails in the database as often as it is tried.
            jobs.insert(.malformed("malformed", .conversions, kind: EventEnvelope.jobKind), at: 4)
            let stranger = try created("order-9", programme: "nobody")
            jobs.insert(.event(stranger), at: 7)
            _ = try await fixture.queue.enqueue(jobs)
            try fixture.workOrders()
            try await eventually {
                try await fixture.commissions() == (1...5).map { "order-\($0) pending 10000" }
            }
            try await eventually { try await fixture.queue.find("malformed", in: .conversions)?.state == .dead }
            let failing = try #require(
                try await fixture.queue.find(stranger.eventID.description, in: .conversions))
            #expect(failing.state == .scheduled && failing.attempt == 1)
            #expect(failing.failures.last?.message.contains("there is no programme nobody") == true)
            #expect(try await fixture.number("SELECT count(*) FROM orders WHERE external_id = 'order-9'") == 0)
        }
    }

    @Loop @Test func aHookThatCannotBeUsedIsKeptOnceWithItsReason() async throws {
        try await BooksFixture.run { fixture in
            let payload: JSON = [
                "source": "my-shop", "topic": "orders/edited", "reason": "topic_not_used", "payload": "e30=",
                "acceptedAt": JSON(integer: orderTime),
            ]
            func job(_ id: String) -> NewJob {
                NewJob(
                    id: id, queue: .conversions, kind: ConversionHandler.unusableHookKind,
                    payload: payload.serialized(), shardKey: "my-shop")
            }
            _ = try await fixture.queue.enqueue([
                job("hook-1"), job("hook-2"), .malformed("bad", .conversions, kind: ConversionHandler.unusableHookKind),
            ])
            try fixture.workOrders()
            try await eventually { try await fixture.depth(.conversions) == 0 }
            #expect(
                try await fixture.texts(
                    "SELECT concat_ws(' ', source, topic, reason, convert_from(payload, 'UTF8')) FROM unusable_hooks")
                    == ["my-shop orders/edited topic_not_used {}"])
            #expect(try await fixture.queue.find("bad", in: .conversions)?.state == .dead)
        }
    }

    @Loop @Test func anEarlyConfirmationIsReleasedByTheCreation() async throws {
        try await BooksFixture.run { fixture in
            try fixture.workOrders()
            try await fixture.enqueue(confirmed("order-1"))
            try await eventually {
                try await fixture.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 1
            }
            // A parked event is a finished job: nothing waits in a queue.
            try await eventually { try await fixture.depth(.conversions) + fixture.depth(.commissions) == 0 }
            try await fixture.enqueue(created("order-1"))
            try await eventually { try await fixture.commissions() == ["order-1 pending 10000"] }
            #expect(try await fixture.number("SELECT count(*) FROM orders WHERE parked_since IS NOT NULL") == 0)
        }
    }

    @Loop @Test func whileTheDatabaseCannotBeReachedNoAttemptIsSpent() async throws {
        let proxy = try TestProxy(to: try await TestServers.postgres.port)
        defer { proxy.close() }
        try await BooksFixture.run(port: proxy.port) { fixture in
            proxy.refusesConnections = true
            proxy.cutNow()
            try await fixture.enqueue(created("order-1"), confirmed("order-1"))
            let before = proxy.acceptedCount
            try fixture.workOrders()
            // The worker has leased them, found no database, and given them back, more than once.
            try await eventually { proxy.acceptedCount > before + 3 }
            let id = try created("order-1").eventID.description
            let waiting = try #require(try await fixture.queue.find(id, in: .conversions))
            #expect([.ready, .leased].contains(waiting.state))
            #expect(waiting.attempt == 0 && waiting.failures.isEmpty)
            proxy.refusesConnections = false
            try await eventually(within: .seconds(20)) {
                try await fixture.queue.stats(.conversions).sum.completedTotal == 2
            }
            try await eventually { try await fixture.commissions() == ["order-1 pending 10000"] }
            #expect(try await fixture.queue.stats(.conversions).sum.failedTotal == 0)
        }
    }

    @Loop @Test func refundsAboveTheirOrderAreToldToTheOperatorsOnceAnHour() async throws {
        try await BooksFixture.run { fixture in
            let handler = ConversionHandler(book: fixture.book, pool: fixture.pool, channels: [.mail])
            try fixture.work(.conversions, handler)
            try await fixture.enqueue(created("order-1"), confirmed("order-1"), refunded("order-1", 60_000))
            try await eventually { try await fixture.depth(.conversions) == 0 }
            #expect(try await fixture.number("SELECT count(*) FROM notifications") == 0)
            for number in 2...3 {
                try await fixture.enqueue(refunded("order-1", 50_000, refund: "r-\(number)"))
                try await eventually { try await fixture.depth(.conversions) == 0 }
            }
            let told = try await fixture.texts("SELECT subject || ': ' || body FROM notifications")
            #expect(told.count == 1)
            #expect(told[0].hasPrefix("More was refunded than ordered: ") && told[0].contains("Order order-1"))
            try await eventually { try await fixture.depth(.notifications) == 1 }
        }
    }
}
