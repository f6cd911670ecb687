import Core
import EventLoop
import Fleet
import HTTPClient
import Postgres
import TestSupport
import Testing

@testable import Webhooks

@Suite struct WebhookBookTests {
    init() { Loop.startThread() }

    @Loop private func begin(_ fixture: DeliveryFixture, _ id: UUID, fence: Int64) async throws -> BegunDelivery? {
        let claim = DeliveryClaim(deliveryID: id, fence: fence, jobID: DeliveryJob.id(id, attempt: 0))
        guard case .send(let delivery) = try await fixture.book.begin([claim]).first else { return nil }
        return delivery
    }

    @Loop private func record(_ fixture: DeliveryFixture, _ delivery: BegunDelivery, status: Int) async throws -> Bool {
        var result = HTTPClientResult()
        result.status = status
        let verdict = AttemptVerdict(result, now: Loop.wallClock)
        let record = AttemptRecord(delivery, result, verdict, schedule: .standard, jitter: 0)
        return try await fixture.book.record([record]).contains(delivery.deliveryID)
    }

    @Loop @Test func aLateWorkersFailureDoesNotUndoADelivery() async throws {
        try await DeliveryFixture.run { fixture in
            let id = try await fixture.owe()
            let late = try #require(try await begin(fixture, id, fence: 5))
            let current = try #require(try await begin(fixture, id, fence: 7))
            let lower = try await begin(fixture, id, fence: 6)
            #expect(lower == nil, "a lower fence begins nothing more")
            #expect(try await record(fixture, late, status: 500) == false)
            #expect(try await fixture.state(id) == "owed 0")
            #expect(try await record(fixture, current, status: 200))
            #expect(try await record(fixture, late, status: 500) == false)
            #expect(try await fixture.state(id) == "delivered 1")
            #expect(try await fixture.attempts(id) == ["1:status:500:t", "1:-:200:t"])
        }
    }

    @Loop @Test func aResultRecordedTwiceCountsOnce() async throws {
        try await DeliveryFixture.run { fixture in
            let id = try await fixture.owe()
            let delivery = try #require(try await begin(fixture, id, fence: 5))
            #expect(try await record(fixture, delivery, status: 500))
            #expect(try await record(fixture, delivery, status: 500))
            #expect(try await fixture.state(id) == "owed 1")
        }
    }

    @Loop @Test func whatIsTooOldIsDeadWhateverItsAttempts() async throws {
        try await DeliveryFixture.run { fixture in
            let id = try await fixture.owe()
            _ = try await fixture.pool.query(
                PostgresStatement("test_age", "UPDATE webhook_deliveries SET expires_at = clock_timestamp()"))
            let begun = try await begin(fixture, id, fence: 5)
            #expect(begun == nil)
            #expect(try await fixture.state(id) == "dead 0 too_old")
        }
    }

    @Loop @Test func aJobThatEndsTellsItsRow() async throws {
        try await DeliveryFixture.run { fixture in
            let id = try await fixture.owe()
            try await fixture.book.bury([(id, "job_quarantined: its workers crashed")])
            #expect(try await fixture.state(id) == "dead 0 job_quarantined: its workers crashed")
        }
    }

    @Loop @Test func anUnknownDeliveryOwesNothing() async throws {
        try await DeliveryFixture.run { fixture in
            let begun = try await begin(fixture, UUID.version7(at: Loop.wallClock), fence: 1)
            #expect(begun == nil)
        }
    }
}
