import EventLoop
import HTTPServer
import TestSupport
import Testing

/// Clients that leave and answers that come late. Run these under the address sanitizer after any change:
/// `swift test --sanitize address --filter ServerLifetimeTests`.
@Suite(.timeLimit(.minutes(1))) struct ServerLifetimeTests {
    init() { Loop.startThread() }

    @Loop @Test(arguments: [false, true])
    func aClientMayLeaveWhileItsAnswerWaits(byReset: Bool) async throws {
        let fixture = try ServerFixture()
        for round in 1...50 {
            let leaving = try await fixture.connect()
            await leaving.send("POST /wait?round=\(round) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            try await fixture.untilWaiting(1)
            if byReset { leaving.reset() } else { leaving.close() }
            // Another request is served in between, so that the loop has seen whatever there is to see.
            #expect(try await fixture.connect().get("/other").status == 200)
            fixture.release()
            try await eventually { fixture.released == round && fixture.server.connectionCount == 0 }
        }
        #expect(fixture.log.count == 100)
        #expect(fixture.server.bytesInMemory == 0)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aClientMayLeaveWhileALargeAnswerIsWritten() async throws {
        let fixture = try ServerFixture()
        for _ in 1...5 {
            let leaving = try await fixture.connect()
            await leaving.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await leaving.read(100_000)
            leaving.reset()
            try await eventually { fixture.server.connectionCount == 0 }
        }
        #expect(fixture.log.map(\.outcome) == Array(repeating: .aborted, count: 5))
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aClientMayLeaveInTheMiddleOfItsRequest() async throws {
        let fixture = try ServerFixture()
        let whole = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        for length in stride(from: 0, to: whole.utf8.count, by: 3) {
            let leaving = try await fixture.connect()
            await leaving.send(Array(whole.utf8.prefix(length)))
            if length % 2 == 0 { leaving.reset() } else { leaving.close() }
        }
        try await eventually { fixture.server.connectionCount == 0 && fixture.server.bytesInMemory == 0 }
        #expect(fixture.log.isEmpty)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func anAnswerAfterTheStopsDeadlineGoesNowhere() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        await peer.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        try await fixture.untilWaiting(1)
        await fixture.server.stop(deadline: .milliseconds(20))
        #expect(fixture.server.connectionCount == 0)
        #expect(await peer.readToEnd().text.isEmpty)
        fixture.release()
        try await eventually { fixture.released == 1 }
        #expect(fixture.log.map(\.outcome) == [.aborted])
    }

    @Loop @Test func aStopAnswersWhatIsInProgressAndClosesWhatIsIdle() async throws {
        let fixture = try ServerFixture()
        let idle = try await fixture.connect()
        _ = try await idle.get()
        let busy = try await fixture.connect()
        await busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        let halfway = try await fixture.connect()
        await halfway.send("GET /half HTTP/1.1\r\nHo")
        try await fixture.untilWaiting(1)
        try await eventually { fixture.server.bytesInMemory > 0 }
        let stopping = Task { @Loop in await fixture.server.stop(deadline: .seconds(30)) }
        #expect(await idle.readToEnd().text.isEmpty)
        // Refused, or never answered: both are a closed door.
        let late = try? await RawPeer.connect(port: fixture.server.port)
        if let late { #expect(await late.readToEnd().text.isEmpty) }
        #expect(fixture.server.connectionCount == 2)
        fixture.release()
        let response = try await busy.readResponse()
        #expect(response.body == "late" && response.headers["connection"] == "close")
        #expect(await busy.readToEnd().text.isEmpty)
        #expect(try await halfway.exchange("st: a\r\n\r\n").body == "/half")
        await stopping.value
        #expect(fixture.server.connectionCount == 0)
    }

    @Loop @Test func noBytesWhateverBringItDown() async throws {
        let seed = SeededGenerator.seedOfThisRun
        var random = SeededGenerator(seed: seed)
        let fixture = try ServerFixture {
            $0.requestDeadline = .milliseconds(200)
            $0.lingerDeadline = .milliseconds(20)
        }
        let pieces = [
            "GET ", "POST ", "HEAD ", "/", "/wait", "/echo?a=b", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "Host: a\r\n",
            "\r\n", "\n",
            "Content-Length: 5\r\n", "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n", "Expect: x\r\n", "Connection: close\r\n", "5\r\nhello\r\n", "0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "hello", ":", " folded\r\n", "http://a/b", "\u{0}", String(repeating: "z", count: 9000),
        ]
        for _ in 0..<300 {
            let peer = try await fixture.connect()
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                await peer.send(pieces.randomElement(using: &random)!)
            }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: peer.reset()
            case 1: fixture.release()
            default: break
            }
        }
        fixture.release()
        let alive = try await fixture.connect().get("/alive")
        #expect(alive.body == "/alive", "seed \(seed)")
        try await eventually {
            fixture.release()
            return fixture.server.connectionCount == 0
        }
        #expect(fixture.server.bytesInMemory == 0, "seed \(seed)")
        await fixture.server.stop(deadline: .seconds(5))
    }
}
