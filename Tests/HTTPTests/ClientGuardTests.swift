import CCurl
import EventLoop
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import HTTPClient

@Suite(.timeLimit(.minutes(1))) struct ClientGuardTests {
    init() { Loop.startThread() }

    private func answering() throws -> @Loop (RawPeer) async throws -> Void {
        { peer in
            while true {
                _ = try await peer.readRequest()
                await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
    }

    @Loop
    @Test(arguments: ["127.0.0.1", "127.1", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"])
    func forbiddenAddressesAreRefusedWithoutAConnection(host: String) async throws {
        let raw = try RawServer(answering())
        let client = HTTPClient(.init(destinationPolicy: DestinationPolicy(allowsHTTP: true)))
        let result = await client.perform(.post("http://\(host):\(raw.port)/"))
        #expect(result.failure?.kind == .blocked)
        #expect(raw.connectionCount == 0)
    }

    @Loop @Test func plainHTTPIsRefusedUnlessConfigured() async throws {
        let client = HTTPClient(.init(destinationPolicy: DestinationPolicy()))
        #expect(await client.perform(.post("http://1.1.1.1/")).failure?.kind == .blocked)
    }

    @Loop @Test func aNameIsJudgedByAllItsAddresses() async throws {
        let raw = try RawServer(answering())
        let addresses = [
            "good.test": ["127.0.0.1"], "mixed.test": ["127.0.0.1", "10.0.0.1"], "bad.test": ["10.0.0.1"],
        ]
        let client = try loopbackClient {
            $0.lookup = NameLookup { (addresses[$0] ?? []).compactMap { IPAddress($0) } }
        }
        let good = await client.perform(.post("http://Good.test:\(raw.port)/"))
        #expect(good.isSuccess && good.timings.dnsMicroseconds > 0)
        #expect(await client.perform(.post("http://mixed.test:\(raw.port)/")).failure?.kind == .blocked)
        #expect(await client.perform(.post("http://bad.test:\(raw.port)/")).failure?.kind == .blocked)
        #expect(await client.perform(.post("http://none.test:\(raw.port)/")).failure?.kind == .dns)
        #expect(raw.connectionCount == 1)
    }

    @Loop @Test func aNameThatTurnsToAForbiddenAddressIsRefusedAlthoughAConnectionIsKept() async throws {
        let raw = try RawServer(answering())
        let answers = Mutex(["127.0.0.1", "10.0.0.1"])
        let client = try loopbackClient {
            $0.nameLifetime = .zero
            $0.lookup = NameLookup { _ in [IPAddress(answers.withLock { $0.removeFirst() })!] }
        }
        #expect(await client.perform(.post("http://turning.test:\(raw.port)/")).isSuccess)
        #expect(await client.perform(.post("http://turning.test:\(raw.port)/")).failure?.kind == .blocked)
    }

    @Loop @Test func aNameIsAskedForOnceAndRememberedForAWhile() async throws {
        let raw = try RawServer(answering())
        let questions = Mutex(0)
        let client = try loopbackClient {
            $0.lookup = NameLookup { _ in
                questions.withLock { $0 += 1 }
                return [IPAddress("127.0.0.1")!]
            }
        }
        let url = "http://one.test:\(raw.port)/"
        let tasks = (0..<20).map { _ in Task { @Loop in await client.perform(.post(url)).isSuccess } }
        for task in tasks { #expect(await task.value) }
        #expect(await client.perform(.post(url)).isSuccess)
        #expect(questions.withLock { $0 } == 1)
    }

    @Loop @Test func aSlowResolverHoldsUpNobodyElse() async throws {
        let raw = try RawServer(answering())
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let gate = ends[0]
        // The lookup ends when nothing can come any more.
        defer { close(ends[1]) }
        let client = try loopbackClient {
            $0.lookup = NameLookup { name in
                var byte: UInt8 = 0
                if name == "slow.test" { _ = read(gate, &byte, 1) }
                return [IPAddress("127.0.0.1")!]
            }
        }
        let slow = Task { @Loop in
            await client.perform(.post("http://slow.test:\(raw.port)/", timeout: .milliseconds(200)))
        }
        #expect(await client.perform(.post("http://quick.test:\(raw.port)/")).isSuccess)
        let result = await slow.value
        #expect(result.failure?.kind == .dns && result.timings.totalMicroseconds >= 200_000)
    }

    // The first look is enough in all the cases above. The second and third are for what it cannot see; here they stand alone.

    @Loop @Test func theSecondLookIsAtTheSocket() async throws {
        let raw = try RawServer(answering())
        let multi = Multi(idleConnectionsMax: 10)
        let transfer = makeTransfer(raw.url, DestinationPolicy(allowsHTTP: true))
        let code = await multi.run(transfer)
        #expect(code == CURLE_COULDNT_CONNECT && transfer.isBlocked)
        #expect(raw.connectionCount == 0)
        multi.close()
    }

    @Loop @Test func theThirdLookSeesKeptConnectionsToo() async throws {
        let raw = try RawServer(answering())
        let multi = Multi(idleConnectionsMax: 10)
        let first = makeTransfer(raw.url, .unrestricted)
        #expect(await multi.run(first) == CURLE_OK)
        let second = makeTransfer(raw.url, DestinationPolicy(allowsHTTP: true))
        let code = await multi.run(second)
        #expect(code == CURLE_ABORTED_BY_CALLBACK && second.isBlocked)
        #expect(raw.connectionCount == 1)
        multi.close()
    }

    @Loop @Test func libcurlNeverAsksForANameItself() async throws {
        let multi = Multi(idleConnectionsMax: 10)
        let transfer = makeTransfer("http://unpinned.test/", .unrestricted, mayResolve: false)
        let code = await multi.run(transfer)
        #expect(HTTPFailure(code: code, progress: .connecting, isBlocked: false).kind == .dns)
        multi.close()
    }

    @Loop private func makeTransfer(
        _ url: String, _ policy: DestinationPolicy, mayResolve: Bool = true
    ) -> Transfer {
        let kind = Transfer.Kind(method: "POST", url: url, certificateAuthorityFile: nil)
        let transfer = Transfer(kind, policy: policy, mayResolve: mayResolve)
        transfer.prepare(protocols: "http")
        transfer.begin(.init(), timeout: .seconds(5), connectTimeout: .seconds(5))
        return transfer
    }
}
