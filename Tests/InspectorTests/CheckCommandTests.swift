import Core
import EventLoop
import JobQueue
import Redis
import TestSupport
import Testing

@testable import Inspector

/// `fsck`.
struct CheckCommandTests {
    init() { Loop.startThread() }

    @Loop private func damage(_ tributary: InspectorFixture) async throws {
        _ = try await tributary.queue.enqueue([.test("lost"), .test("other", .webhooks)])
        let shard = try #require(try await tributary.queue.find("lost", in: .clicks)?.shard)
        let prefix = try #require(tributary.environment["TRIBUTARY_PREFIX"])
        _ = try await tributary.connection.command(["DEL", .string("\(prefix):{\(shard)}:clicks:ready")])
    }

    @Loop @Test func whatIsOffIsNamedAndMended() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let sound = try await tributary("fsck")
            #expect(
                sound.status == .ok && sound.out == "0 entries of 6 queues looked at: everything is in its place.\n")
            try await damage(tributary)
            let found = try await tributary("fsck")
            #expect(found.status == .failed)
            #expect(found.lines[0].hasPrefix("queue   shard  what is off"))
            #expect(found.lines[1].hasPrefix("clicks") && found.lines[1].contains("job in no place  lost"))
            #expect(found.out.contains("1 thing off, 0 mended; `tributary fsck --repair` mends."))
            #expect(try await tributary("fsck", "--queue", "webhooks").status == .ok)
            let json = try await tributary("fsck", "--queue", "clicks", "--repair", "--json")
            #expect(json.status == .ok)
            #expect(try json.json["found"] == 1 && json.json["mended"] == 1)
            #expect(try json.json["queues"]?[0]?["findings"]?[0]?["what"] == "job_in_no_place")
            #expect(try await tributary("fsck").status == .ok)
            #expect(try await tributary.depth().suspects == 1)
        }
    }

    @Loop @Test func aTerminalSeesHowFarItIs() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let run = try await InspectorFixture.tributary(["fsck"], tributary.environment, columns: [.errors: 80])
            #expect(run.errors.contains("checking webhooks, shard 2  58 %"), "\(run.errors)")
            #expect(run.errors.hasSuffix("\r\u{1b}[K"))
            #expect(try await tributary("fsck").errors.isEmpty)
        }
    }
}
