import EventLoop
import HTTPServer
import TestSupport
import Testing

@testable import HTTPClient

/// A client that may call loopback.
@Loop func loopbackClient(_ adjust: (inout HTTPClientConfiguration) -> Void = { _ in }) throws -> HTTPClient {
    let loopback = try #require(AddressRange("127.0.0.0/8"))
    var configuration = HTTPClientConfiguration(
        destinationPolicy: DestinationPolicy(allowing: [loopback], allowsHTTP: true))
    adjust(&configuration)
    return HTTPClient(configuration)
}

extension HTTPClientRequest {
    static func post(_ url: String, timeout: Duration = .seconds(20)) -> HTTPClientRequest {
        var request = HTTPClientRequest(
            url: url, headers: [("Content-Type", "application/json")], body: Array("{}".utf8))
        request.timeout = timeout
        request.connectTimeout = timeout
        return request
    }
}

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    init() { Loop.startThread() }

    @Loop @Test(arguments: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
    func eachMethodArrivesAsItIs(method: String) async throws {
        let raw = try RawServer { peer in
            let request = try await peer.readRequest()
            let answer = request.head + "|" + request.body
            await peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\nConnection: close\r\n\r\n")
            if method != "HEAD" { await peer.send(answer) }
        }
        let client = try loopbackClient()
        let hasBody = !["GET", "HEAD", "DELETE"].contains(method)
        let result = await client.perform(
            HTTPClientRequest(
                method: method, url: raw.url, headers: [("X-Thing", "1"), ("X-Empty", "")],
                body: hasBody ? Array("hello".utf8) : []))
        #expect(result.isSuccess && result.status == 200)
        guard method != "HEAD" else { return }
        let seen = String(decoding: result.body, as: UTF8.self)
        #expect(seen.hasPrefix("\(method) /hook HTTP/1.1\r\n"))
        #expect(seen.contains("\r\nX-Thing: 1\r\n") && seen.contains("\r\nX-Empty:\r\n"))
        #expect(seen.contains("\r\nUser-Agent: tributary/1\r\n"))
        for unwanted in ["Expect", "Content-Type", "Accept-Encoding"] { #expect(!seen.contains("\r\n\(unwanted):")) }
        #expect(seen.hasSuffix(hasBody ? "|hello" : "|"))
    }

    @Loop @Test func connectionsAreUsedAgain() async throws {
        let fixture = try ServerFixture()
        let client = try loopbackClient()
        let url = "http://127.0.0.1:\(fixture.server.port)/echo"
        let first = await client.perform(.post(url))
        #expect(first.isSuccess && !first.reusedConnection && first.remoteAddress == "127.0.0.1")
        #expect(first.header("x-request-id")?.utf8.count == 32)
        #expect(first.timings.connectMicroseconds > 0 && first.timings.firstByteMicroseconds > 0)
        #expect(first.timings.tlsMicroseconds == 0 && first.timings.dnsMicroseconds == 0)
        #expect(first.timings.totalMicroseconds >= first.timings.firstByteMicroseconds)
        for _ in 1...20 {
            let next = await client.perform(.post(url))
            #expect(next.isSuccess && next.reusedConnection && next.body == Array("{}".utf8))
            #expect(next.timings.connectMicroseconds == 0)
        }
        #expect(fixture.server.connectionCount == 1)
        client.close()
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func anAttemptKnowsNothingOfTheOneBefore() async throws {
        let raw = try RawServer { peer in
            while true {
                let request = try await peer.readRequest()
                let answer = request.head + "|" + request.body
                await peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\n\r\n\(answer)")
            }
        }
        let client = try loopbackClient()
        func seen(_ headers: [(String, String)], _ body: String) async -> String {
            var request = HTTPClientRequest(url: raw.url, headers: headers, body: Array(body.utf8))
            request.keptBytesMax = 100_000
            request.readBytesMax = 200_000
            return String(decoding: await client.perform(request).body, as: UTF8.self)
        }
        let long = String(repeating: "long", count: 20_000)
        let first = await seen([("Content-Type", "a/b"), ("X-First", "1"), ("X-Empty", "")], long)
        #expect(first.contains("X-First: 1") && first.contains("Content-Type: a/b") && first.hasSuffix("|" + long))
        let second = await seen([("X-Second", "2")], "short")
        #expect(second.contains("X-Second: 2") && second.hasSuffix("|short"))
        for left in ["X-First", "X-Empty", "Content-Type"] { #expect(!second.contains(left)) }
        #expect(await seen([], "").hasSuffix("|"))
        #expect(raw.connectionCount == 1)
        client.close()
    }

    @Loop @Test func manyAtATime() async throws {
        let fixture = try ServerFixture()
        let client = try loopbackClient()
        let url = "http://127.0.0.1:\(fixture.server.port)/echo"
        let tasks = (0..<500).map { _ in Task { @Loop in await client.perform(.post(url)) } }
        var results: [HTTPClientResult] = []
        for task in tasks { results.append(await task.value) }
        #expect(results.count == 500 && results.allSatisfy(\.isSuccess))
        #expect(client.inFlight == 0)
        client.close()
        await fixture.server.stop(deadline: .seconds(5))
    }

    @Loop @Test func aKeptConnectionThatTheServerClosedIsReplaced() async throws {
        let raw = try RawServer { peer in
            _ = try await peer.readRequest()
            await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let client = try loopbackClient()
        for _ in 1...5 { #expect(await client.perform(.post(raw.url)).isSuccess) }
        #expect(raw.connectionCount == 5)
    }

    @Loop @Test func aSocketThatTakesAClosedOnesNumberIsWatched() async throws {
        let raw = try RawServer { peer in
            for _ in 1...2 {
                _ = try await peer.readRequest()
                await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let client = try loopbackClient()
        // Each connection serves two requests and is closed by the server while it is kept; the next one gets its number.
        for _ in 1...20 { #expect(await client.perform(.post(raw.url)).isSuccess) }
        #expect(raw.connectionCount == 10)
        client.close()
    }

    @Loop @Test(arguments: ["Retry-After", "retry-after", "RETRY-AFTER"])
    func aFieldIsFoundWhateverTheCaseOfItsName(name: String) {
        var result = HTTPClientResult()
        result.headerBytes = Array(
            "HTTP/1.1 429 x\r\nX-Retry-After: 1\r\nRetry-After:  7 \r\nRetry-After: 8\r\n\r\n".utf8)
        #expect(result.header(name) == "7")
        #expect(
            result.header("retry") == nil && result.header("retry-after-x") == nil && result.header("HTTP/1.1") == nil)
        result.headerBytes = Array("HTTP/1.1 429 x\r\nRetry-After:".utf8)
        #expect(result.header(name) == "")
    }

    @Loop @Test func interimAnswersAreNotTheAnswer() async throws {
        let raw = try RawServer { peer in
            _ = try await peer.readRequest()
            await peer.send(
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\nA: 1\r\nContent-Length: 0\r\n\r\n")
        }
        let result = await (try loopbackClient()).perform(.post(raw.url))
        #expect(result.status == 202 && result.isSuccess)
        #expect(result.headers.map(\.name) == ["A", "Content-Length"])
    }

    @Loop
    @Test(arguments: [
        HTTPClientRequest(url: "http://127.0.0.1/", headers: [("X", "a\r\nEvil: 1")]),
        HTTPClientRequest(url: "http://127.0.0.1/", headers: [("X: a\r\nEvil", "1")]),
        HTTPClientRequest(url: "http://127.0.0.1/", headers: [("", "1")]),
        HTTPClientRequest(method: "GET / HTTP/1.1\r\nX:", url: "http://127.0.0.1/"),
        HTTPClientRequest(url: "file:///etc/passwd"), HTTPClientRequest(url: "gopher://127.0.0.1/"),
        HTTPClientRequest(url: "no url"), HTTPClientRequest(url: ""),
    ])
    func whatCannotBeSentIsNot(request: HTTPClientRequest) async throws {
        let result = await (try loopbackClient()).perform(request)
        #expect(result.failure?.kind == .invalid && result.status == nil)
    }

    @Loop @Test func closingEndsWhatIsUnderWay() async throws {
        let raw = try RawServer { peer in _ = await peer.readToEnd() }
        let client = try loopbackClient()
        let waiting = Task { @Loop in await client.perform(.post(raw.url)) }
        try await eventually { raw.connectionCount == 1 }
        client.close()
        #expect(await waiting.value.failure?.kind == .cancelled)
        #expect(await client.perform(.post(raw.url)).failure?.kind == .cancelled)
        #expect(client.inFlight == 0)
    }

    @Loop @Test func thereIsACapOnTransfers() async throws {
        let raw = try RawServer { peer in
            _ = try await peer.readRequest()
            _ = await peer.readToEnd()
        }
        let client = try loopbackClient { $0.transfersMax = 1 }
        let waiting = Task { @Loop in await client.perform(.post(raw.url)) }
        try await eventually { raw.connectionCount == 1 }
        #expect(await client.perform(.post(raw.url)).failure?.kind == .cancelled)
        client.close()
        _ = await waiting.value
    }
}
