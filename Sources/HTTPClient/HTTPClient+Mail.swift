import EventLoop

extension HTTPClient {
    /// Deliveries of mail at a time; the next ones wait for a thread.
    static let mailThreadsMax = 4

    /// Hands a message to a relay, once, on a connection of its own. The relay's host is judged by this client's policy like
    /// any other; ``close()`` does not end it.
    ///
    /// All recipients or none: a relay that refuses one of them refuses the message.
    package func sendMail(_ message: SMTPMessage, through server: SMTPServer) async -> SMTPResult {
        let start = Loop.monotonicNanoseconds
        var result = SMTPResult()
        do throws(HTTPFailure) {
            guard let content = message.rendered() else { throw HTTPFailure(.invalid, "the message cannot be sent") }
            let destination = try destination(server.url, schemes: ["smtp", "smtps"])
            result = try await attempt(destination, timeout: server.timeout) { addresses, remaining in
                let envelope = MailTransfer.Envelope(
                    destination: destination, addresses: addresses, from: message.from, to: message.to,
                    content: content, server: server, timeout: remaining)
                var noThread = SMTPResult()
                noThread.failure = HTTPFailure(.other, "the system has no thread left")
                let policy = self.configuration.destinationPolicy
                return await self.mailPool.run(else: noThread) { MailTransfer.deliver(envelope, allowedBy: policy) }
            }
        } catch {
            result.failure = error
        }
        result.timings.totalMicroseconds = Int((Loop.monotonicNanoseconds - start) / 1000)
        return result
    }
}
