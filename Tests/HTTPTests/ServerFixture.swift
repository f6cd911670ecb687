import EventLoop
import HTTPServer
import TestSupport

/// A server with the tests' routes, and gates that hold answers back.
@Loop
final class ServerFixture {
    let server: HTTPServer
    private(set) var log: [HTTPAccess] = []
    /// Handlers that wait at `/wait`, in the order of their coming.
    private(set) var waiting: [CheckedContinuation<Void, Never>] = []
    /// Answers that a handler of `/wait` came to give.
    private(set) var released = 0

    private final class Link { weak var fixture: ServerFixture? }

    init(_ adjust: (inout HTTPServerConfiguration) -> Void = { _ in }) throws {
        var configuration = HTTPServerConfiguration()
        adjust(&configuration)
        let link = Link()
        server = HTTPServer(configuration) { request in
            await link.fixture?.answer(request) ?? HTTPResponse(status: 500)
        }
        link.fixture = self
        server.onAccess = { link.fixture?.log.append($0) }
        try server.start()
    }

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        switch request.path {
        case "/echo": return HTTPResponse(status: 200, body: request.body)
        case "/large": return HTTPResponse(status: 200, body: [UInt8](repeating: 120, count: 8 << 20))
        case "/nothing": return HTTPResponse(status: 204)
        case "/wait":
            await withCheckedContinuation { waiting.append($0) }
            released += 1
            return .text(200, "late")
        case "/describe":
            return .text(
                200,
                "\(request.method) \(request.queryString) \(request.headers["X-Thing"] ?? "-") \(request.peerAddress)")
        default: return .text(200, request.path)
        }
    }

    /// Lets every waiting handler answer.
    func release() {
        let resumed = waiting
        waiting = []
        for continuation in resumed { continuation.resume() }
    }

    func untilWaiting(_ count: Int) async throws { try await eventually { self.waiting.count == count } }

    func connect() async throws -> RawPeer { try await RawPeer.connect(port: server.port) }
}
