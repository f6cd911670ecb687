import EventLoop
import HTTPServer

/// A partner's server: answers as the test says and keeps what it got.
@Loop
final class Receiver {
    private(set) var requests: [HTTPRequest] = []
    /// Requests that were being answered together, at most.
    private(set) var mostAtATime = 0
    private var atATime = 0
    /// Given one after the other; the last one for ever.
    var answers: [HTTPResponse]
    private var server: HTTPServer?

    private final class Link { weak var receiver: Receiver? }

    init(_ answers: [HTTPResponse]) throws {
        self.answers = answers
        let link = Link()
        let server = HTTPServer { request in await link.receiver?.answer(request) ?? HTTPResponse(status: 500) }
        link.receiver = self
        try server.start()
        self.server = server
    }

    var url: String { "http://127.0.0.1:\(server?.port ?? 0)/hooks" }

    func stop() async {
        await server?.stop(deadline: .seconds(1))
        server = nil
    }

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        requests.append(request)
        atATime += 1
        mostAtATime = max(mostAtATime, atATime)
        await Task.yield()
        atATime -= 1
        return answers.count > 1 ? answers.removeFirst() : answers[0]
    }
}
