import Core
import EventLoop
import Fleet
import JobQueue
import Postgres
import TestSupport
import Testing

@testable import Ingest

struct ClickWireTests {
    init() { Loop.startThread() }

    private static let path = "/api/v1/tracking/click"

    @Loop private func click(
        _ fixture: IngestFixture, _ body: String = #"{"referralCode":"ADA"}"#, agent: String? = IngestFixture.browser,
        from address: String = "198.51.100.1", sending headers: [(String, String)] = []
    ) async throws -> HTTPAnswer {
        let agent = agent.map { [("User-Agent", $0)] } ?? []
        return try await fixture.post(Self.path, body, agent + [("X-Forwarded-For", address)] + headers)
    }

    @Loop private func fixture() async throws -> IngestFixture {
        try await IngestFixture.make(seed: { try await $0.addPartner("ADA") })
    }

    @Loop @Test func aClickIsAnsweredAsSpecifiedAndEnqueued() async throws {
        let fixture = try await fixture()
        let answer = try await click(
            fixture,
            #"{"referralCode":"ADA","productId":"p","campaign":"c","medium":"m","source":"s","sessionId":"x","fingerprint":"y"}"#
        )
        #expect(answer.status == 200)
        #expect(answer.json["message"] == "Click recorded successfully" && answer.json["success"] == true)
        #expect(answer.json[path: "data.status"] == "valid" && answer.json[path: "data.isValid"] == true)
        let id = try #require(answer.json[path: "data.clickId"]?.string.flatMap { UUID($0) })
        let time = try #require(id.version7Time)
        #expect(abs(time.since(Loop.wallClock).milliseconds) < 5000)
        #expect(answer.header("RateLimit-Limit") == "100" && answer.header("RateLimit-Remaining") == "99")
        let payload = try #require(try await fixture.payloads(.clicks).first)
        #expect(payload["id"]?.string == id.description && payload["kind"] == "click.v1")
        #expect(payload["addressPrefix"] == "198.51.100.0/24" && payload["addressHash"]?.string?.count == 64)
        #expect(!payload.text.contains("198.51.100.1\""))
        await fixture.end()
    }

    @Loop @Test func theSameVisitorIsADuplicateOfTheFirstClick() async throws {
        let fixture = try await fixture()
        let pair = #"{"referralCode":"ADA","sessionId":"s","fingerprint":"f"}"#
        let first = try await click(fixture, pair)
        let second = try await click(fixture, pair)
        #expect(second.json[path: "data.status"] == "duplicate" && second.json[path: "data.isValid"] == false)
        #expect(second.json[path: "data.clickId"] == first.json[path: "data.clickId"])
        let other = try await click(fixture, #"{"referralCode":"ADA","sessionId":"s","fingerprint":"g"}"#)
        #expect(other.json[path: "data.status"] == "valid")
        // With neither value there is nothing to compare.
        for _ in 0..<2 { #expect(try await click(fixture).json[path: "data.status"] == "valid") }
        let payloads = try await fixture.payloads(.clicks)
        #expect(payloads.count == 5)
        let duplicate = try #require(payloads.first { $0["status"] == "duplicate" })
        #expect(duplicate["originalId"] == first.json[path: "data.clickId"])
        await fixture.end()
    }

    @Loop @Test func botsAreRecordedWithTheirReason() async throws {
        let fixture = try await fixture()
        let bot = try await click(fixture, agent: "curl/7.68.0")
        #expect(bot.status == 200 && bot.json[path: "data.status"] == "bot")
        #expect(bot.json[path: "data.isValid"] == false)
        #expect(bot.json[path: "data.botDetectionReason"] == "Bot user-agent detected: curl")
        let silent = try await click(fixture, agent: nil)
        #expect(silent.json[path: "data.botDetectionReason"] == "Empty user-agent")
        let ahead = try await click(fixture, sending: [("Sec-Purpose", "prefetch")])
        #expect(ahead.json[path: "data.botDetectionReason"] == "Prefetch detected: Sec-Purpose")
        #expect(try await fixture.payloads(.clicks).allSatisfy { $0["status"] == "bot" })
        await fixture.end()
    }

    @Loop @Test func theHundredAndFirstClickOfAnAddressIsRefused() async throws {
        let fixture = try await fixture()
        var statuses: [Int] = []
        for _ in 0..<100 { statuses.append(try await click(fixture).status) }
        #expect(statuses.allSatisfy { $0 == 200 })
        let refused = try await click(fixture)
        #expect(refused.status == 429)
        #expect(
            refused.json[path: "error.message"] == "Too many click requests from this IP, please try again later.")
        let wait = try #require(refused.header("Retry-After").flatMap { Int($0) })
        #expect((1...900).contains(wait) && refused.header("RateLimit-Remaining") == "0")
        #expect(try await click(fixture, from: "198.51.100.2").status == 200)
        #expect(try await fixture.waitingCount(.clicks) == 101)
        // A key with the scope is exempt.
        let key = try await fixture.addKey(scopes: ["limits:skip"])
        #expect(try await click(fixture, sending: [("Authorization", "Bearer \(key)")]).status == 200)
        #expect(try await click(fixture).status == 429)
        await fixture.end()
    }

    @Loop @Test func bothFormsOfThePartnerAreAccepted() async throws {
        let fixture = try await fixture()
        let id = try await fixture.addPartner("BOB")
        // Added a moment ago: asked of PostgreSQL.
        #expect(try await click(fixture, #"{"referralCode":"BOB"}"#).status == 200)
        #expect(try await click(fixture, #"{"partnerId":"\#(id)","referer":"https://example.com"}"#).status == 200)
        let payloads = try await fixture.payloads(.clicks)
        #expect(payloads.allSatisfy { $0["referralCode"] == "BOB" && $0["partnerId"]?.string == id.description })
        await fixture.end()
    }

    @Loop @Test func whatCannotBeAClickIsRefusedAndNotStored() async throws {
        let fixture = try await fixture()
        let unknown = try await click(fixture, #"{"referralCode":"NOBODY"}"#)
        #expect(unknown.status == 404 && unknown.json[path: "error.code"] == "unknown_referral_code")
        #expect(try await click(fixture, "{").status == 400)
        #expect(try await click(fixture, "[]").status == 400)
        #expect(try await click(fixture, "{}").json[path: "error.details.0.field"] == "referralCode")
        let wrong = try await click(fixture, #"{"referralCode":"ADA","sessionId":7}"#)
        #expect(wrong.status == 422 && wrong.json[path: "error.details.0.field"] == "sessionId")
        #expect(try await fixture.get(Self.path).status == 405)
        #expect(try await fixture.send("HEAD", Self.path).status == 405)
        #expect(try await fixture.waitingCount(.clicks) == 0)
        await fixture.end()
    }

    @Loop @Test func browsersOfOtherOriginsMayPost() async throws {
        let fixture = try await fixture()
        let preflight = try await fixture.send(
            "OPTIONS", Self.path,
            [
                ("Origin", "https://blog.example"), ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "content-type"),
            ])
        #expect(preflight.status == 204)
        #expect(preflight.header("Access-Control-Allow-Origin") == "https://blog.example")
        #expect(preflight.header("Access-Control-Allow-Methods")?.contains("POST") == true)
        #expect(preflight.header("Access-Control-Allow-Headers")?.contains("Content-Type") == true)
        // What sendBeacon sends.
        let beacon = try await click(
            fixture, sending: [("Content-Type", "text/plain;charset=UTF-8"), ("Origin", "https://blog.example")])
        #expect(beacon.status == 200 && beacon.header("Access-Control-Allow-Origin") == "https://blog.example")
        let refused = try await click(fixture, "{", sending: [("Origin", "https://blog.example")])
        #expect(refused.status == 400 && refused.header("Access-Control-Allow-Origin") == "https://blog.example")
        await fixture.end()
    }

    // MARK: The worker

    @Loop private func work(_ fixture: IngestFixture) async throws -> [JobOutcome] {
        let handler = ClickHandler(pool: fixture.pool)
        var outcomes: [JobOutcome] = []
        for shard in 0..<fixture.queue.configuration.shardCount {
            while let batch = try await fixture.queue.lease(.clicks, shard: shard, max: 500, mayTakeAlone: true).batch {
                outcomes += try await handler.handle(batch.jobs)
                // Once more: a crash between commit and acknowledgement repeats it.
                _ = try await handler.handle(batch.jobs)
                _ = try await fixture.queue.complete(batch.jobs)
            }
        }
        return outcomes
    }

    private static let rows = PostgresStatement(
        "test_clicks",
        "SELECT status, original_click_id, bot_detection_reason, ip_prefix, referral_code, id FROM referral_clicks")

    @Loop @Test func clicksAreWrittenOnceInBulk() async throws {
        let fixture = try await fixture()
        let first = try await click(fixture, #"{"referralCode":"ADA","sessionId":"s"}"#)
        _ = try await click(fixture, #"{"referralCode":"ADA","sessionId":"s"}"#)
        _ = try await click(fixture, agent: "wget/1")
        let outcomes = try await work(fixture)
        #expect(outcomes.count == 3)
        let rows = try await fixture.pool.query(Self.rows)
        #expect(rows.count == 3)
        let byStatus = Dictionary(
            grouping: try rows.map { (try $0.text(0), try $0.optionalUUID(1), try $0.optionalText(2)) }, by: \.0)
        #expect(byStatus["valid"]?.count == 1)
        #expect(byStatus["duplicate"]?.first?.1?.description == first.json[path: "data.clickId"]?.string)
        #expect(byStatus["bot"]?.first?.2 == "Bot user-agent detected: wget")
        await fixture.end()
    }

    @Loop @Test func aClickOfAnUnknownPartnerIsDeadWithTheReason() async throws {
        let fixture = try await fixture()
        let stranger = Directory.Partner(id: UUID(high: 1, low: 2), programme: "default", code: "GONE")
        let click = Click(id: .version7(at: Loop.wallClock), partner: stranger, clickedAt: Loop.wallClock)
        _ = try await fixture.queue.enqueue(click.job())
        var broken = click.job()
        broken.id = "broken"
        broken.payload = [1]
        _ = try await fixture.queue.enqueue(broken)
        let outcomes = try await work(fixture)
        let reasons = outcomes.compactMap { if case .dead(let reason) = $0 { reason } else { nil } }
        #expect(reasons.count == 2)
        #expect(reasons.contains { $0.contains("unknown partner") } && reasons.contains { $0.contains("no click") })
        await fixture.end()
    }

    @Test func aClickSurvivesItsPayload() throws {
        let partner = Directory.Partner(id: UUID(high: 1, low: 2), programme: "default", code: "ADA")
        var click = Click(id: UUID(high: 3, low: 4), partner: partner, clickedAt: EpochMilliseconds(rawValue: 5))
        click.sessionID = "\"s\"\n"
        click.status = .duplicate
        click.originalID = UUID(high: 5, low: 6)
        click.addressHash = [1, 2]
        #expect(try Click(payload: click.job().payload) == click)
    }
}
