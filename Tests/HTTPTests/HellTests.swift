import EventLoop
import HTTPServer
import TestSupport
import Testing

@testable import HTTPClient

/// The receiver from hell: each way in which a partner's endpoint may misbehave, and the class it is filed under.
@Suite(.timeLimit(.minutes(1))) struct HellTests {
    init() { Loop.startThread() }

    enum Sin: String, CaseIterable {
        case dripsItsHeader, dripsItsBody, neverAnswers, stallsTheHandshake, endlessBody, endlessHeader,
            tenMegabytesOfHeader
        case closesAtOnce, resetsAtOnce, closesAfterTheHeader, closesInTheBody, redirectsToLoopback, redirectsForEver,
            isNoHTTP
        case isOldHTTP, bombs, absurdRetryAfter, twoHundredFourWithBody, badChunks
    }

    @Loop private static func serve(_ sin: Sin, _ peer: RawPeer) async throws {
        if sin == .stallsTheHandshake {
            _ = await peer.readToEnd()
            return
        }
        if sin == .resetsAtOnce { return peer.reset() }
        if sin == .closesAtOnce { return }
        _ = try await peer.readRequest()
        switch sin {
        case .dripsItsHeader: try await drip(peer, "HTTP/1.1 200 OK\r\nX: ")
        case .dripsItsBody: try await drip(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        case .neverAnswers: _ = await peer.readToEnd()
        case .endlessBody:
            await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while await peer.send("1000\r\n\(String(repeating: "x", count: 4096))\r\n") {}
        case .endlessHeader:
            await peer.send("HTTP/1.1 200 OK\r\n")
            while await peer.send("X: \(String(repeating: "x", count: 1000))\r\n") {}
        case .tenMegabytesOfHeader:
            await peer.send(
                "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 10 << 20))\r\nContent-Length: 0\r\n\r\n")
        case .closesAfterTheHeader: await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        case .closesInTheBody: await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        case .redirectsToLoopback:
            await peer.send("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        case .redirectsForEver: await peer.send("HTTP/1.1 307 Again\r\nLocation: /hook\r\nContent-Length: 0\r\n\r\n")
        case .isNoHTTP: await peer.send("220 mail.example ESMTP\r\n")
        case .isOldHTTP: await peer.send("<html>hello</html>")
        case .bombs:
            let zeros = String(repeating: "\u{1f}", count: 60_000)
            await peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 60000\r\n\r\n\(zeros)")
        case .absurdRetryAfter:
            await peer.send("HTTP/1.1 429 Slow\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n")
        case .twoHundredFourWithBody: await peer.send("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc")
        case .badChunks: await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        case .stallsTheHandshake, .resetsAtOnce, .closesAtOnce: break
        }
    }

    @Loop private static func drip(_ peer: RawPeer, _ start: String) async throws {
        await peer.send(start)
        while await peer.send("x") { try await Loop.sleep(for: .milliseconds(10)) }
    }

    private static func expected(_ sin: Sin) -> (HTTPFailure.Kind?, status: Int?) {
        switch sin {
        case .dripsItsHeader: (.timeoutBody, 200)
        case .dripsItsBody: (.timeoutBody, 200)
        case .neverAnswers: (.timeoutFirstByte, nil)
        case .stallsTheHandshake: (.timeoutConnect, nil)
        case .endlessBody: (nil, 200)
        case .endlessHeader, .tenMegabytesOfHeader: (.tooLarge, 200)
        case .closesAtOnce, .resetsAtOnce: (.reset, nil)
        case .closesAfterTheHeader, .closesInTheBody: (.reset, 200)
        case .redirectsToLoopback: (nil, 302)
        case .redirectsForEver: (nil, 307)
        case .isNoHTTP, .isOldHTTP: (.other, nil)
        case .bombs: (nil, 200)
        case .absurdRetryAfter: (nil, 429)
        case .twoHundredFourWithBody: (nil, 204)
        case .badChunks: (.reset, 200)
        }
    }

    @Loop @Test(arguments: Sin.allCases) func eachSinHasItsClass(sin: Sin) async throws {
        let raw = try RawServer { try await Self.serve(sin, $0) }
        let client = try loopbackClient()
        let scheme = sin == .stallsTheHandshake ? "https" : "http"
        // Short for those that must run into it, beyond any doubt for the others.
        let isStalling = [.dripsItsHeader, .dripsItsBody, .neverAnswers, .stallsTheHandshake].contains(sin)
        let request = HTTPClientRequest.post(
            "\(scheme)://127.0.0.1:\(raw.port)/hook", timeout: isStalling ? .seconds(2) : .seconds(20))
        let result = await client.perform(request)
        let (kind, status) = Self.expected(sin)
        #expect(result.failure?.kind == kind, "\(String(describing: result.failure))")
        #expect(result.status == status)
        #expect(result.body.count <= request.keptBytesMax)
        #expect(result.isBodyCut == (sin == .endlessBody))
        #expect(raw.connectionCount == 1)
        client.close()
    }

    @Loop @Test func nobodyListening() async throws {
        let port = try TestPort.free()
        #expect(await (try loopbackClient()).perform(.post("http://127.0.0.1:\(port)/")).failure?.kind == .connect)
    }

    @Loop @Test func aGoodReceiverBesideThemDoesNotNotice() async throws {
        var sinners: [RawServer] = []
        for sin in Sin.allCases { sinners.append(try RawServer { try await Self.serve(sin, $0) }) }
        let fixture = try ServerFixture()
        let client = try loopbackClient()
        let suffering = sinners.flatMap { raw in
            (0..<5).map { _ in
                Task { @Loop in _ = await client.perform(.post(raw.url, timeout: .seconds(4))) }
            }
        }
        var slowest = 0
        for _ in 0..<100 {
            let good = await client.perform(.post("http://127.0.0.1:\(fixture.server.port)/echo"))
            #expect(good.isSuccess)
            slowest = max(slowest, good.timings.totalMicroseconds)
        }
        // Each would have to wait four seconds if it waited for any of them.
        #expect(slowest < 3_000_000)
        for task in suffering { await task.value }
        client.close()
        await fixture.server.stop(deadline: .seconds(5))
    }
}
