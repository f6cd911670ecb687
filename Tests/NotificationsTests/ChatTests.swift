import Core
import EventLoop
import HTTPServer
import Testing

@testable import Fleet
@testable import Notifications

struct ChatTests {
    init() { Loop.startThread() }

    @Loop private final class Chat {
        var bodies: [[UInt8]] = []
        var status = 200
    }

    @Loop private func attempt(_ channel: Notification.Channel) -> NotificationBook.Attempt {
        NotificationBook.Attempt(
            id: UUID.version7(at: Loop.wallClock), channel: channel, subject: "Subject", body: "Line \"one\"",
            createdAt: Loop.wallClock, number: 1)
    }

    @Loop @Test func `a chat gets JSON, and its status decides whether it is tried again`() async throws {
        let chat = Chat()
        let server = HTTPServer { request in
            chat.bodies.append(request.body)
            return HTTPResponse(status: chat.status)
        }
        try server.start()
        let configuration = try FleetConfiguration.load(
            environment: ["TRIBUTARY_CHAT_URL": "http://127.0.0.1:\(server.port)/chat"], required: [],
            resolve: { $0 })
        #expect(configuration.notificationChannels == [.chat])
        let sender = NotificationSender(configuration)
        for (status, expected) in [(200, "sent"), (204, "sent"), (429, "failed"), (503, "failed"), (404, "refused")] {
            chat.status = status
            #expect("\(await sender.send(attempt(.chat)))".hasPrefix(expected), "\(status)")
        }
        #expect(
            chat.bodies.first.map { String(decoding: $0, as: UTF8.self) } == #"{"text":"*Subject*\nLine \"one\""}"#)
        #expect("\(await sender.send(attempt(.mail)))".hasPrefix("refused"))
        await server.stop(deadline: .seconds(1))
        #expect("\(await sender.send(attempt(.chat)))".hasPrefix("failed"))
        sender.close()
    }
}
