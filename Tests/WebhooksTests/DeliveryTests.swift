import Core
import EventLoop
import Fleet
import HTTPClient
import HTTPServer
import JobQueue
import Postgres
import TestSupport
import Testing

@testable import Webhooks

@Suite struct DeliveryTests {
    init() { Loop.startThread() }

    @Loop @Test func itIsDeliveredOnceSignedAndAsItWasStored() async throws {
        try await DeliveryFixture.run { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 1")
            try await eventually { try await fixture.jobState(id) == nil }
            try await fixture.enqueue(id)
            try await eventually { try await fixture.jobState(id) == nil }
            #expect(fixture.receiver.requests.count == 1)
            let request = try #require(fixture.receiver.requests.first)
            #expect(request.method == "POST" && request.path == "/hooks" && request.body == DeliveryFixture.body)
            #expect(request.headers["content-type"] == "application/json")
            let eventID = try #require(request.headers["webhook-id"])
            let timestamp = try #require(request.headers["webhook-timestamp"].flatMap { Int64($0) })
            #expect(eventID == "msg_\(id)" && abs(timestamp - Loop.wallClock.rawValue / 1000) < 60)
            #expect(
                request.headers["webhook-signature"]
                    == expectedSignature(
                        id: eventID, timestamp: timestamp, body: DeliveryFixture.body, secret: fixture.secret))
            #expect(
                request.headers["X-Webhook-Signature"]
                    == expectedBodySignature(DeliveryFixture.body, secret: fixture.secret))
            #expect(try await fixture.attempts(id) == ["1:-:200:t"])
        }
    }

    @Loop @Test func aFailedOneIsTriedAgainWithTheSameIDAndBytes() async throws {
        try await DeliveryFixture.run(answers: [HTTPResponse(status: 500), HTTPResponse(status: 204)]) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 2")
            let requests = fixture.receiver.requests
            #expect(requests.count == 2 && requests[0].body == requests[1].body)
            #expect(Set(requests.map { $0.headers["webhook-id"] }) == ["msg_\(id)"])
            #expect(try await fixture.attempts(id) == ["1:status:500:t", "2:-:204:t"])
        }
    }

    @Loop @Test func afterTheLastAttemptItIsDead() async throws {
        try await DeliveryFixture.run(answers: [HTTPResponse(status: 503)]) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "dead 3 attempts_exhausted")
            try await eventually { try await fixture.jobState(id, attempt: 2) == nil }
            #expect(fixture.receiver.requests.count == 3)
            #expect(try await fixture.jobState(id, attempt: 3) == nil)
            // No job is left to be buried; whoever listens to dead letters hears of it all the same.
            #expect(fixture.deaths.ends.map(\.reason) == ["attempts_exhausted"])
            #expect(fixture.deaths.ends.first?.queue == .webhooks && fixture.deaths.ends.first?.attempt == 3)
        }
    }

    @Loop @Test func aRedirectIsNotFollowed() async throws {
        try await DeliveryFixture.run(answers: [HTTPResponse(status: 307, headers: ["Location": "/elsewhere"])]) {
            fixture in
            try fixture.startWorker(schedule: DeliverySchedule(waits: [.zero]))
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "dead 1 attempts_exhausted")
            #expect(fixture.receiver.requests.map(\.path) == ["/hooks"])
        }
    }

    /// Requests for a delivery that has been delivered when its job comes.
    @Loop private func requestsForADeliveredRow(_ faults: WebhookFaults) async throws -> Int {
        var count = 0
        try await DeliveryFixture.run(faults: faults) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe(status: "delivered")
            try await fixture.enqueue(id)
            try await eventually { try await fixture.jobState(id) == nil }
            #expect(try await fixture.state(id) == "delivered 0", "no result changes what has ended")
            count = fixture.receiver.requests.count
        }
        return count
    }

    @Loop @Test func whatIsDeliveredIsNotSentAgain() async throws {
        #expect(try await requestsForADeliveredRow([]) == 0)
    }

    @Loop @Test func faultSkipOwedLookSendsWhatIsNotOwed() async throws {
        #expect(try await requestsForADeliveredRow(.skipOwedLook) == 1)
    }

    @Loop @Test func retryAfterPausesTheWholeEndpointAndUsesNoAttempt() async throws {
        let answer = HTTPResponse(status: 429, headers: ["Retry-After": "3600"])
        try await DeliveryFixture.run(answers: [answer]) { fixture in
            try fixture.startWorker()
            let first = try await fixture.owe()
            try await fixture.enqueue(first)
            try await eventually { try await fixture.jobState(first) == .scheduled }
            #expect(try await fixture.state(first) == "owed 0")
            let pausedUntil = try #require(try await fixture.endpoint().pausedUntil)
            #expect(pausedUntil.since(Loop.wallClock) > .seconds(3500))
            let second = try await fixture.owe()
            try await fixture.enqueue(second)
            try await eventually { try await fixture.jobState(second) == .scheduled }
            #expect(fixture.receiver.requests.count == 1)
            #expect(try await fixture.attempts(second).isEmpty)
        }
    }

    @Loop @Test func afterThePauseItIsDeliveredByTheSameAttempt() async throws {
        let pause = HTTPResponse(status: 503, headers: ["Retry-After": "1"])
        try await DeliveryFixture.run(answers: [pause, HTTPResponse(status: 200)]) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 1")
            #expect(try await fixture.attempts(id) == ["1:status:503:t", "1:-:200:t"])
        }
    }

    @Loop @Test func goneDisablesTheEndpointAndCancelsWhatComes() async throws {
        try await DeliveryFixture.run(answers: [HTTPResponse(status: 410)]) { fixture in
            try fixture.startWorker()
            let first = try await fixture.owe()
            try await fixture.enqueue(first)
            try await fixture.untilState(first, "dead 1 endpoint_gone")
            let endpoint = try await fixture.endpoint()
            #expect(!endpoint.isEnabled && endpoint.disabledReason == "it answered 410")
            let second = try await fixture.owe()
            try await fixture.enqueue(second)
            try await fixture.untilState(second, "cancelled 0 endpoint_disabled")
            #expect(fixture.receiver.requests.count == 1)
        }
    }

    @Loop @Test func anAddressThatPolicyRefusesIsFinal() async throws {
        try await DeliveryFixture.run { fixture in
            try fixture.startWorker(allowing: [])
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "dead 1 blocked_destination")
            #expect(fixture.receiver.requests.isEmpty)
        }
    }

    @Loop @Test func aJobThatComesAfterItsAttemptMakesWayForTheNext() async throws {
        try await DeliveryFixture.run(answers: [HTTPResponse(status: 500)]) { fixture in
            try fixture.startWorker(schedule: DeliverySchedule(waits: [.zero, .seconds(3600)]))
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await eventually { try await fixture.jobState(id, attempt: 1) == .scheduled }
            // As after a loss of what the queue remembers: the first job again, under another name.
            _ = try await fixture.queue.enqueue(
                NewJob(
                    id: "again", queue: .webhooks, kind: DeliveryJob.kind,
                    payload: DeliveryJob.make(id, endpointID: fixture.endpointID, attempt: 0).payload,
                    shardKey: fixture.endpointID.description))
            try await eventually { try await fixture.queue.find("again", in: .webhooks) == nil }
            #expect(fixture.receiver.requests.count == 1)
            #expect(try await fixture.state(id) == "owed 1")
        }
    }

    @Loop @Test func whatIsTooOldIsToldAsADeadLetter() async throws {
        try await DeliveryFixture.run { fixture in
            let id = try await fixture.owe()
            _ = try await fixture.pool.query(
                PostgresStatement("test_age", "UPDATE webhook_deliveries SET expires_at = clock_timestamp()"))
            try fixture.startWorker()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "dead 0 too_old")
            try await eventually { fixture.deaths.ends.map(\.reason) == ["too_old"] }
            #expect(fixture.receiver.requests.isEmpty)
        }
    }

    @Loop @Test func nothingIsKeptOfABatchThatCouldNotBePrepared() async throws {
        try await DeliveryFixture.run { fixture in
            for _ in 0..<3 { try await fixture.enqueue(try await fixture.owe()) }
            let shard = fixture.queue.configuration.shard(of: fixture.endpointID.description)
            let jobs = try await fixture.queue.lease(.webhooks, shard: shard, max: 10, mayTakeAlone: true).batch?.jobs
            let batch = try #require(jobs)
            let client = HTTPClient(DeliveryClient.configuration(allowing: [], allowsHTTP: true, window: 1))
            // Room for one: the others are crowded out, which is found out before the table is asked.
            let worker = DeliveryWorker(book: fixture.book, client: client, sealer: fixture.sealer, endpointWindow: 1)
            try await fixture.pool.executeScript("ALTER TABLE webhook_deliveries RENAME TO away")
            await #expect(throws: (any Error).self) { try await worker.prepare(batch) }
            #expect(worker.preparedCount == 0)
            try await fixture.pool.executeScript("ALTER TABLE away RENAME TO webhook_deliveries")
            try await worker.prepare(batch)
            #expect(batch.count == 3 && worker.preparedCount == 3)
            _ = try await fixture.queue.giveBack(batch)
            client.close()
        }
    }

    @Loop @Test func aSuccessWithAHugeBodyIsDeliveredAndItsStartIsKept() async throws {
        let answer = HTTPResponse(status: 200, body: [UInt8](repeating: UInt8(ascii: "x"), count: 300_000))
        try await DeliveryFixture.run(answers: [answer]) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 1")
            let kept = try await fixture.pool.query(
                PostgresStatement("test_kept", "SELECT length(answer)::bigint FROM webhook_attempts"))
            #expect(try kept[0].int(0) == 4096)
        }
    }

    @Loop @Test func anAnswerWithAHugeHeaderIsAFailure() async throws {
        let huge = HTTPResponse(status: 200, headers: ["X-Huge": String(repeating: "x", count: 40_000)])
        try await DeliveryFixture.run(answers: [huge, HTTPResponse(status: 200)]) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 2")
            #expect(try await fixture.attempts(id) == ["1:too_large:200:t", "2:-:200:t"])
        }
    }

    @Loop @Test func aSuccessMayDisableTheEndpointToo() async throws {
        let answer = HTTPResponse(status: 200, headers: ["Webhook-Delivery": "disable"])
        try await DeliveryFixture.run(answers: [answer]) { fixture in
            try fixture.startWorker()
            let id = try await fixture.owe()
            try await fixture.enqueue(id)
            try await fixture.untilState(id, "delivered 1")
            #expect(try await fixture.endpoint().isEnabled == false)
        }
    }

    @Loop @Test func aDisabledEndpointGetsNothingAndALaterOneGoesOutWhenItIsEnabled() async throws {
        try await DeliveryFixture.run { fixture in
            try fixture.startWorker()
            try await WebhookEndpoints.setEnabled(fixture.pool, id: fixture.endpointID, false, reason: "by hand")
            let first = try await fixture.owe()
            try await fixture.enqueue(first)
            try await fixture.untilState(first, "cancelled 0 endpoint_disabled")
            try await WebhookEndpoints.setEnabled(fixture.pool, id: fixture.endpointID, true)
            let second = try await fixture.owe()
            try await fixture.enqueue(second)
            try await fixture.untilState(second, "delivered 1")
            #expect(fixture.receiver.requests.count == 1)
        }
    }
}
