import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    init() { Loop.startThread() }

    @Loop @Test func aConnectionServesOneRequestAfterAnother() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        for path in ["/a", "/b", "/c"] {
            let response = try await peer.get(path)
            #expect(response.status == 200 && response.body == path)
        }
        #expect(fixture.server.connectionCount == 1)
        await fixture.server.stop(deadline: .seconds(5))
        #expect(fixture.log.map(\.path) == ["/a", "/b", "/c"])
        #expect(fixture.log.allSatisfy { $0.outcome == .answered && $0.status == 200 && $0.bodyBytes == 2 })
    }

    @Loop @Test func pipelinedRequestsAreAnsweredInTheirOrder() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        let paths = (0..<50).map { "/\($0)" }
        await peer.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
        for path in paths { #expect(try await peer.readResponse().body == path) }
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func whatTheHandlerIsTold() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        let response = try await peer.exchange(
            "PUT /describe?a=1&token=s%20x HTTP/1.1\r\nHost: a\r\nx-THING: \t value \r\nContent-Length: 0\r\n\r\n")
        #expect(response.body == "PUT a=1&token=s%20x value 127.0.0.1")
        #expect(fixture.log.map(\.path) == ["/describe"])
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop
    @Test(arguments: [("abc-1.2_3:4", true), ("", false), ("a b", false), (String(repeating: "a", count: 129), false)])
    func theClientsRequestIDIsKeptWhenItIsFit(id: String, isKept: Bool) async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        let response = try await peer.exchange("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(id)\r\n\r\n")
        let answered = try #require(response.headers["x-request-id"])
        #expect((answered == id) == isKept)
        #expect(isKept || answered.count == 32)
        #expect(fixture.log.map(\.requestID) == [answered])
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func answersWithoutBodyKeepTheConnectionInStep() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        await peer.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        let head = try await peer.readResponse(hasBody: false)
        #expect(head.status == 200 && head.headers["content-length"] == "6")
        #expect(try await peer.get("/nothing").status == 204)
        #expect(try await peer.get("/after").body == "/after")
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func bodiesComeByLengthByChunksAndAfterContinue() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        let plain = try await peer.exchange("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        #expect(plain.body == "hello")
        let chunked = try await peer.exchange(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        #expect(chunked.body == "abcde")
        await peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(try await peer.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
        #expect(try await peer.exchange("ok").body == "ok")
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aLargeAnswerToASlowReaderArrivesWhole() async throws {
        let fixture = try ServerFixture()
        let peer = try await fixture.connect()
        await peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        // While it is written, more comes than is read: it is left in the socket, and answered in its turn.
        let more = String(repeating: "GET /more HTTP/1.1\r\nHost: a\r\n\r\n", count: 5000)
        let sending = Task { @Loop in await peer2Send(peer, more) }
        #expect(try await peer.readResponse().body.utf8.count == 8 << 20)
        for _ in 0..<5000 { #expect(try await peer.readResponse().body == "/more") }
        await sending.value
        #expect(fixture.server.bytesInMemory < 1 << 20)
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop private func peer2Send(_ peer: RawPeer, _ text: String) async { await peer.send(text) }

    @Loop @Test func twoServersMayShareAPort() async throws {
        let first = try ServerFixture { $0.sharesPort = true }
        let second = try ServerFixture {
            $0.port = first.server.port
            $0.sharesPort = true
        }
        // The kernel shares out the connections by a hash, so both get some of many.
        for number in 0..<100 { #expect(try await first.connect().get("/\(number)").body == "/\(number)") }
        #expect(first.log.count + second.log.count == 100)
        #expect(!first.log.isEmpty && !second.log.isEmpty)
        await first.server.stop(deadline: .seconds(5))
        // What comes now is the other's alone.
        #expect(try await second.connect().get("/left").body == "/left")
        await second.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func oneDotZeroClosesUnlessItAsksOtherwise() async throws {
        let fixture = try ServerFixture()
        let closing = try await fixture.connect()
        await closing.send("GET / HTTP/1.0\r\n\r\n")
        #expect(await closing.readToEnd().text.hasPrefix("HTTP/1.0 200"))
        let keeping = try await fixture.connect()
        for _ in 0..<2 {
            #expect(try await keeping.exchange("GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").body == "/k")
        }
        await fixture.server.stop(deadline: .seconds(5))
    }
}
