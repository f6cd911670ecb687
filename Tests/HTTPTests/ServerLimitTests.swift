import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerLimitTests {
    init() { Loop.startThread() }

    private static let ambiguous = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/-1.1\r\nHost: a\r\n\r\n",
    ]

    private static let malformed = [
        "GET\r\n\r\n", "\u{0}\u{1}\u{2}garbage garbage garbage\r\n\r\n", "GET / HTTP/9.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n folded first\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    ]

    @Loop @Test(arguments: ambiguous + malformed)
    func whatCouldBeReadInTwoWaysIsRefusedAndTheConnectionClosed(request: String) async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        await peer.send(request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = await peer.readToEnd().text
        #expect(
            answer.hasPrefix("HTTP/1.1 400") || answer.hasPrefix("HTTP/0.9 400") || answer.hasPrefix("HTTP/-1.1 400"))
        #expect(answer.contains("malformed_request") && answer.contains("X-Request-Id: "))
        try await eventually { fixture.server.connectionCount == 0 }
        #expect(fixture.log.map(\.outcome) == [.refused])
        #expect(fixture.log.map(\.status) == [400])
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aBodyBeyondTheLimitIsRefusedAndTheClientReadsIt() async throws {
        let fixture = try ServerFixture { $0.bodyBytesMax = 1000 }
        let exact = try await fixture.connect()
        let largest = String(repeating: "x", count: 1000)
        #expect(
            try await exact.exchange("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n\(largest)").body
                == largest)

        let announced = try await fixture.connect()
        await announced.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        // Goes on sending what nobody wants, as most clients do.
        await announced.send([UInt8](repeating: 120, count: 3_000_000))
        let (text, isReset) = await announced.readToEnd()
        #expect(text.hasPrefix("HTTP/1.1 413") && text.contains("body_too_large") && !isReset)

        let expecting = try await fixture.connect()
        await expecting.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
        #expect(await expecting.readToEnd().text.hasPrefix("HTTP/1.1 413"))

        let chunked = try await fixture.connect()
        await chunked.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<11 { await chunked.send("64\r\n\(largest.prefix(100))\r\n") }
        #expect(await chunked.readToEnd().text.hasPrefix("HTTP/1.1 413"))

        #expect(fixture.log.map(\.status) == [200, 413, 413, 413])
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aChunkLineWithoutEndIsCutOff() async throws {
        let fixture = try ServerFixture { $0.bodyBytesMax = 1000 }
        let peer = try await fixture.connect()
        await peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send([UInt8](repeating: UInt8(ascii: "0"), count: 1 << 20))
        #expect(await peer.readToEnd().text.hasPrefix("HTTP/1.1 413"))
        await fixture.server.stop(deadline: .seconds(5))
    }

    enum LongHeader: String, CaseIterable { case line, manyFields, endlessField }

    @Loop @Test(arguments: LongHeader.allCases) func headersBeyondTheLimitAreRefused(kind: LongHeader) async throws {
        let request =
            switch kind {
            case .line: "GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n"
            case .manyFields: "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "a: b\r\n", count: 5000) + "\r\n"
            case .endlessField: "GET / HTTP/1.1\r\nHost: a\r\nx: " + String(repeating: "y", count: 100_000)
            }
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        await peer.send(request)
        let (text, isReset) = await peer.readToEnd()
        #expect(text.hasPrefix("HTTP/1.1 431") && !isReset)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test(arguments: ["BREW", "TRACE", "CONNECT"]) func unknownMethodsAre501(method: String) async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        await peer.send("\(method) \(method == "CONNECT" ? "a:1" : "/") HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await peer.readToEnd().text.hasPrefix("HTTP/1.1 501"))
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop
    @Test(arguments: [
        "GET / HTT", "GET / HTTP/1.1\r\nHost: a\r\nX: ",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\nabc",
    ])
    func aRequestThatDoesNotComeToItsEndInTimeIsRefused(start: String) async throws {
        let fixture = try ServerFixture { $0.requestDeadline = .seconds(2) }
        let peer = try await fixture.connect()
        // A byte now and then does not move the deadline.
        let drip = Task { @Loop in
            await peer.send(start)
            while await peer.send("a") {
                // Only cancellation ends it early, and then the loop ends too.
                do { try await Loop.sleep(for: .milliseconds(20)) } catch { return }
            }
        }
        #expect(await peer.readToEnd().text.hasPrefix("HTTP/1.1 408"))
        drip.cancel()
        await drip.value
        #expect(fixture.log.map(\.status) == [408])
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aHandlerThatTakesTooLongIsAnsweredFor() async throws {
        let fixture = try ServerFixture { $0.requestDeadline = .seconds(2) }
        let peer = try await fixture.connect()
        let response = try await peer.get("/wait")
        #expect(response.status == 503 && response.body.contains("deadline_exceeded"))
        #expect(response.headers["retry-after"] != nil)
        fixture.release()
        try await eventually { fixture.released == 1 }
        #expect(fixture.log.map(\.outcome) == [.refused])
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func silentConnectionsAreClosed() async throws {
        let fixture = try ServerFixture {
            $0.idleTimeout = .seconds(2)
            $0.requestDeadline = .seconds(2)
        }
        let fresh = try await fixture.connect()
        let kept = try await fixture.connect()
        _ = try await kept.get()
        #expect(await fresh.readToEnd().text.isEmpty)
        #expect(await kept.readToEnd().text.isEmpty)
        #expect(fixture.log.count == 1)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aReaderThatStandsStillIsCutOff() async throws {
        let fixture = try ServerFixture { $0.requestDeadline = .seconds(2) }
        let peer = try await fixture.connect()
        await peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually { fixture.log.count == 1 }
        #expect(fixture.log.map(\.outcome) == [.aborted])
        #expect(fixture.server.connectionCount == 0 && fixture.server.bytesInMemory == 0)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func connectionsBeyondTheCapWaitForAPlace() async throws {
        let fixture = try ServerFixture { $0.connectionsMax = 2 }
        let first = try await fixture.connect()
        let second = try await fixture.connect()
        _ = try await first.get()
        _ = try await second.get()
        let third = try await fixture.connect()
        await third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n")
        // The third is connected as far as the kernel goes; the server answers the others and knows nothing of it.
        for _ in 0..<20 { _ = try await first.get() }
        #expect(fixture.server.connectionCount == 2)
        second.close()
        #expect(try await third.readResponse().body == "/third")
        #expect(fixture.server.connectionCount == 2)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func theBudgetForBodiesHoldsOverAllConnections() async throws {
        let fixture = try ServerFixture { $0.bodyBudgetBytes = 100_000 }
        let holding = try await fixture.connect()
        await holding.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 80000\r\n\r\n")
        await holding.send([UInt8](repeating: 120, count: 70000))
        try await eventually { fixture.server.bytesInMemory > 70000 }
        let refused = try await fixture.connect()
        await refused.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
        await refused.send([UInt8](repeating: 120, count: 60000))
        let (text, isReset) = await refused.readToEnd()
        #expect(
            text.hasPrefix("HTTP/1.1 503") && text.contains("Retry-After: 1") && text.contains("overloaded") && !isReset
        )
        await holding.send([UInt8](repeating: 120, count: 10000))
        #expect(try await holding.readResponse().status == 200)
        holding.close()
        try await eventually { fixture.server.bytesInMemory == 0 }
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aTakenPortIsReported() async throws {
        let fixture = try ServerFixture()
        let error = #expect(throws: HTTPServerError.self) { try ServerFixture { $0.port = fixture.server.port } }
        #expect(error?.description == "listen on 127.0.0.1:\(fixture.server.port) failed: Address already in use")
        await fixture.server.stop(deadline: .seconds(5))
    }
}
