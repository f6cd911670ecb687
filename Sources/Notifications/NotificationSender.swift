import Core
package import EventLoop
package import Fleet
import HTTPClient

/// Sends to the channels that are configured, once, and says what became of it.
@Loop
package final class NotificationSender {
    enum Result: Sendable {
        case sent
        /// - after: the receiver's wish.
        case failed(String, after: Duration?)
        /// Trying again cannot help.
        case refused(String)
    }

    private struct Mail {
        let server: SMTPServer
        let from: MailAddress
        let to: [MailAddress]
    }

    /// The longest wait that a chat may ask for.
    nonisolated private static let waitMax: Int64 = 3600

    private let client: HTTPClient
    private let mail: Mail?
    private let chatURL: String?

    /// The relay and the chat are the operator's own choice, so any address is allowed; `allowsHTTP` allows a relay without
    /// TLS, too.
    package init(_ configuration: FleetConfiguration) {
        client = HTTPClient(HTTPClientConfiguration(destinationPolicy: .unrestricted))
        chatURL = configuration.chatURL?.reveal()
        let to = configuration.mailTo.compactMap { MailAddress($0) }
        if let url = configuration.smtpURL?.reveal(), let from = configuration.mailFrom.flatMap({ MailAddress($0) }),
            !to.isEmpty
        {
            mail = Mail(server: SMTPServer(url: url, requiresTLS: !configuration.allowsHTTP), from: from, to: to)
        } else {
            mail = nil
        }
    }

    package func close() { client.close() }

    func send(_ attempt: NotificationBook.Attempt) async -> Result {
        switch attempt.channel {
        case .mail: await sendMail(attempt)
        case .chat: await post(attempt)
        }
    }

    private func sendMail(_ attempt: NotificationBook.Attempt) async -> Result {
        guard let mail else { return .refused("mail is not configured here") }
        let domain = mail.from.address.split(separator: "@").last ?? "localhost"
        let message = SMTPMessage(
            from: mail.from, to: mail.to, subject: attempt.subject, text: attempt.body, date: attempt.createdAt,
            id: "\(attempt.id)@\(domain)")
        let result = await client.sendMail(message, through: mail.server)
        guard let failure = result.failure else { return .sent }
        let text = failure.description + (result.replyCode.map { " (reply \($0))" } ?? "")
        return result.isPermanent ? .refused(text) : .failed(text, after: nil)
    }

    private func post(_ attempt: NotificationBook.Attempt) async -> Result {
        guard let chatURL else { return .refused("chat is not configured here") }
        let text: JSON = ["text": .string("*\(attempt.subject)*\n\(attempt.body)")]
        let result = await client.perform(
            HTTPClientRequest(
                url: chatURL, headers: [("Content-Type", "application/json")], body: text.serialized()))
        if let failure = result.failure {
            return failure.kind == .invalid ? .refused(failure.description) : .failed(failure.description, after: nil)
        }
        let status = result.status ?? 0
        switch status {
        case 200..<300: return .sent
        case 408, 425, 429, 500...:
            return .failed("status \(status)", after: Self.retryAfter(result.headerBytes))
        default: return .refused("status \(status)")
        }
    }

    /// Seconds in `Retry-After`; its other form, a date, is left to the retry policy.
    nonisolated static func retryAfter(_ header: [UInt8]) -> Duration? {
        let name = "retry-after:"
        for line in String(decoding: header, as: UTF8.self).split(whereSeparator: \.isNewline)
        where line.lowercased().hasPrefix(name) {
            let value = line.dropFirst(name.count).filter { $0 != " " && $0 != "\t" }
            guard let seconds = Int64(value), seconds >= 0 else { return nil }
            return .seconds(min(seconds, waitMax))
        }
        return nil
    }
}
