import CCurl
import Glibc

/// One delivery to a relay, on a thread that may block.
///
/// libcurl closes an SMTP connection with `QUIT` and waits for the reply, blocking, for as long as its response time-out
/// says, in the multi interface too: on the event loop a relay that stalls there would stop the whole process.
final class MailTransfer {
    private let policy: DestinationPolicy
    private let content: [UInt8]
    private var sent = 0
    private var isBlocked = false
    private var progress = HTTPFailure.Progress.connecting
    private var replyCode: Int?

    /// For one reply of the relay, `QUIT`'s included.
    private static let replyTimeout = Duration.seconds(10)

    private init(policy: DestinationPolicy, content: [UInt8]) {
        self.policy = policy
        self.content = content
    }

    struct Envelope: Sendable {
        let destination: Destination
        let addresses: [IPAddress]
        let from: MailAddress
        let to: [MailAddress]
        let content: [UInt8]
        let server: SMTPServer
        let timeout: Duration
    }

    /// Blocks until it is done.
    static func deliver(_ envelope: Envelope, allowedBy policy: DestinationPolicy) -> SMTPResult {
        guard let pointer = curl_easy_init() else { outOfMemory() }
        defer { curl_easy_cleanup(pointer) }
        let easy = EasyHandle(pointer)
        let transfer = MailTransfer(policy: policy, content: envelope.content)
        easy.prepare(url: envelope.destination.url, protocols: "smtp,smtps")
        easy.setTimeouts(envelope.timeout, connect: envelope.timeout)
        easy.pin(envelope.destination, to: envelope.addresses)
        easy.set(
            CURLOPT_USE_SSL,
            Int(envelope.server.requiresTLS ? CURLUSESSL_ALL.rawValue : CURLUSESSL_TRY.rawValue))
        if let file = envelope.server.certificateAuthorityFile { easy.set(CURLOPT_CAINFO, file) }
        easy.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Int(replyTimeout.components.seconds))
        easy.set(CURLOPT_MAIL_FROM, "<\(envelope.from.address)>")
        easy.set(CURLOPT_MAIL_RCPT, envelope.to.map { "<\($0.address)>" })
        easy.set(CURLOPT_UPLOAD, 1)
        transfer.installCallbacks(easy)
        let code = withExtendedLifetime(transfer) { curl_easy_perform(pointer) }
        return transfer.result(code, easy)
    }

    private func result(_ code: CURLcode, _ easy: EasyHandle) -> SMTPResult {
        var result = SMTPResult()
        result.timings = HTTPClientResult.Timings(of: easy)
        result.replyCode = replyCode
        if code != CURLE_OK { result.failure = HTTPFailure(code: code, progress: progress, isBlocked: isBlocked) }
        return result
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> MailTransfer {
        Unmanaged<MailTransfer>.fromOpaque(context!).takeUnretainedValue()
    }

    private func installCallbacks(_ easy: EasyHandle) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        easy.check(
            tributary_curl_on_header(
                easy.pointer,
                { bytes, size, count, context in
                    MailTransfer.at(context).replied(UnsafeRawBufferPointer(start: bytes, count: size * count))
                    return size * count
                }, context))
        easy.check(tributary_curl_on_body(easy.pointer, { _, size, count, _ in size * count }, context))
        easy.check(
            tributary_curl_on_upload(
                easy.pointer,
                { space, size, count, context in
                    MailTransfer.at(context).give(UnsafeMutableRawBufferPointer(start: space, count: size * count))
                }, context))
        easy.check(
            tributary_curl_on_open_socket(
                easy.pointer,
                { context, _, address in
                    let transfer = MailTransfer.at(context)
                    guard let descriptor = EasyHandle.openSocket(address, allowedBy: transfer.policy) else {
                        transfer.isBlocked = true
                        return -1
                    }
                    return descriptor
                }, context))
        easy.check(
            tributary_curl_on_request(
                easy.pointer,
                { context, _, _, _, _ in
                    MailTransfer.at(context).progress = .waiting
                    return CURL_PREREQFUNC_OK
                }, context))
    }

    /// A line of a reply. `QUIT`'s (221) says nothing about the message; a refusal is what counts after one.
    private func replied(_ line: UnsafeRawBufferPointer) {
        guard let code = Int(String(decoding: line.prefix(3), as: UTF8.self)), (200..<600).contains(code), code != 221
        else {
            return
        }
        replyCode = code
    }

    private func give(_ space: UnsafeMutableRawBufferPointer) -> Int {
        let piece = content[sent...].prefix(space.count)
        space.copyBytes(from: piece)
        sent += piece.count
        return piece.count
    }
}
