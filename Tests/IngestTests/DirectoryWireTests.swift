import Core
import Crypto
import EventLoop
import HTTPServer
import Postgres
import Redis
import TestSupport
import Testing

@testable import Ingest

struct DirectoryWireTests {
    init() { Loop.startThread() }

    private static let event = #"{"id":"e","type":"order.confirmed","orderId":"o"}"#
    private static let revoke = PostgresStatement(
        "test_revoke", "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE hash = $1")

    @Loop private func status(_ fixture: IngestFixture, _ key: String) async throws -> Int {
        try await fixture.post("/api/v1/events", Self.event, key: key).status
    }

    @Loop @Test func withoutADirectoryEverythingIs503() async throws {
        let fixture = try await IngestFixture.make(publish: false)
        let key = try await fixture.addKey()
        for answer in [
            try await fixture.post("/api/v1/events", Self.event, key: key),
            try await fixture.post("/api/v1/events", Self.event),
            try await fixture.post("/api/v1/tracking/click", #"{"referralCode":"A"}"#),
            try await fixture.post("/api/v1/hooks/shopify/s", "{}"),
            try await fixture.get("/api/v1/events/e", key: key),
        ] {
            #expect(answer.status == 503 && answer.json[path: "error.code"] == "directory_not_loaded")
            #expect(answer.header("Retry-After") != nil)
        }
        try await fixture.publish()
        #expect(try await status(fixture, key) == 202)
        await fixture.end()
    }

    @Loop @Test func anIngestPublishesADirectoryThatIsMissing() async throws {
        let fixture = try await IngestFixture.make(
            publish: false, configure: { $0.directory.publishes = true })
        let key = try await fixture.addKey()
        try await eventually { fixture.service.directory.current != nil }
        #expect(try await status(fixture, key) == 202)
        await fixture.end()
    }

    @Loop @Test func aChangeIsLoadedByNotice() async throws {
        let fixture = try await IngestFixture.make()
        let first = fixture.service.directory.version
        for number in 0..<3 { try await fixture.addPartner("CODE\(number)") }
        let report = try await DirectoryPublisher.publish(fixture.pool, fixture.connection, prefix: fixture.prefix)
        #expect(report.partnerCount == 3 && report.isCurrent && report.version > first)
        try await eventually(within: .seconds(5)) { fixture.service.directory.version == report.version }
        #expect(fixture.service.directory.current?.partnerCount == 3)
        #expect(fixture.service.directory.current?.partner(code: "CODE1", programme: "default") != nil)
        await fixture.end()
    }

    @Loop @Test func aRevokedKeyStopsWithNotice() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        try await fixture.publish()
        #expect(try await status(fixture, key) == 202)
        _ = try await fixture.pool.query(Self.revoke, [.bytes(SHA256.digest(Array(key.utf8)))])
        try await DirectoryPublisher.publish(fixture.pool, fixture.connection, prefix: fixture.prefix)
        try await eventually(within: .seconds(5)) { try await status(fixture, key) == 401 }
        await fixture.end()
    }

    @Loop @Test func aRevokedKeyStopsWithoutNotice() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        try await fixture.publish()
        #expect(try await status(fixture, key) == 202)
        _ = try await fixture.pool.query(Self.revoke, [.bytes(SHA256.digest(Array(key.utf8)))])
        try await eventually(within: .seconds(5)) { try await status(fixture, key) == 401 }
        // Not even when the directory that still names it is loaded again.
        await fixture.service.directory.refresh()
        #expect(try await status(fixture, key) == 401)
        await fixture.end()
    }

    @Loop @Test func aStrangerIsAskedOfPostgresOnceInAWhile() async throws {
        let fixture = try await IngestFixture.make()
        let misses = fixture.service.directory.misses
        let name = DirectoryMisses.Name.code(programme: "default", code: "LATER")
        guard case .nobody = try await misses.find(name) else { return #expect(Bool(false)) }
        try await fixture.addPartner("LATER")
        // The answer is kept for some seconds.
        guard case .nobody = try await misses.find(name) else { return #expect(Bool(false)) }
        misses.forget()
        guard case .partner(let partner) = try await misses.find(name) else { return #expect(Bool(false)) }
        #expect(partner.code == "LATER")
        await fixture.end()
    }

    @Loop @Test func withoutPostgresWhatIsKnownGoesOn() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        try await fixture.publish()
        await fixture.pool.close()
        #expect(try await status(fixture, key) == 202)
        let unknown = try await fixture.post("/api/v1/events", Self.event, key: "tk_live_0123456789")
        #expect(unknown.status == 503 && unknown.json[path: "error.code"] == "lookup_unavailable")
        await fixture.end()
    }

    @Loop @Test func aPublisherThatStoodStillBringsNothingBack() async throws {
        let fixture = try await IngestFixture.make()
        let current = fixture.service.directory.version
        let keys = DirectoryKeys(prefix: fixture.prefix)
        let late = DirectoryPointer(version: current - 1, chunks: 1)
        let answer = try await fixture.connection.evaluate(
            IngestScript.swapDirectory, keys: [keys.pointer],
            arguments: [.integer(late.version), .bytes(late.bytes), 1000])
        #expect(answer.integer == 0)
        await fixture.service.directory.refresh()
        #expect(fixture.service.directory.version == current)
        await fixture.end()
    }

    @Loop @Test func aLargeDirectoryTravelsInPartsAndFormerPartsGo() async throws {
        let fixture = try await IngestFixture.make()
        _ = try await fixture.pool.query(
            PostgresStatement(
                "test_many",
                """
                INSERT INTO partners (id, programme, referral_code, name)
                SELECT gen_random_uuid(), 'default', 'P' || n, 'Partner' FROM generate_series(1, 5000) n
                """))
        let former = DirectoryKeys(prefix: fixture.prefix).chunk(0, of: fixture.service.directory.version)
        try await fixture.publish()
        #expect(fixture.service.directory.current?.partnerCount == 5000)
        #expect(fixture.service.directory.current?.partner(code: "P4999", programme: "default") != nil)
        let left = try await fixture.connection.command(["PTTL", .string(former)]).integer ?? 0
        #expect(left > 0 && left <= 60_000)
        await fixture.end()
    }

    @Loop @Test func theUseOfAKeyIsNoted() async throws {
        let fixture = try await IngestFixture.make()
        let key = try await fixture.addKey()
        try await fixture.publish()
        #expect(try await status(fixture, key) == 202)
        let used = PostgresStatement("test_used", "SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL")
        try await eventually {
            await fixture.service.directory.checkRevocations()
            return try await fixture.pool.query(used)[0].int(0) == 1
        }
        await fixture.end()
    }

    @Test func aChunkSurvivesItsBytes() throws {
        var chunk = DirectoryChunk()
        let key = Directory.APIKey(
            id: UUID(high: 1, low: 2), programme: "default", source: "s\"1", scopes: [.eventsRead, .limitsSkip])
        chunk.keys = [(Array(repeating: 1, count: 32), key)]
        chunk.partners = [Directory.Partner(id: UUID(high: 3, low: 4), programme: "p", code: "Ü")]
        chunk.hooks = [
            Directory.HookSource(
                source: "s", programme: "p", platform: "shopify", sealedSecret: [1, 2, 3], secretKeyID: "1",
                codeFrom: ["landing_site"])
        ]
        let read = try #require(DirectoryChunk(chunk.bytes))
        #expect(read.keys[0].key == key && read.keys[0].hash == chunk.keys[0].hash)
        #expect(read.partners == chunk.partners && read.hooks == chunk.hooks)
        #expect(DirectoryChunk([1, 2]) == nil)
    }

    @Test func aSecretOpensForItsSourceOnly() throws {
        let master = [UInt8](repeating: 1, count: 32)
        let sealed = try HookSecret.seal("s3cret", source: "a", masterKey: master)
        #expect(try HookSecret.open(sealed, source: "a", masterKey: master) == Array("s3cret".utf8))
        #expect(throws: CryptoError.self) { try HookSecret.open(sealed, source: "b", masterKey: master) }
    }
}
