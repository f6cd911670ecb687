import CCurl

/// Why an attempt has no answer, or not a whole one.
package struct HTTPFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// The name has no address, or the resolver did not answer in time.
        case dns
        /// The destination policy refuses the host or its scheme. Final: trying again will not help.
        case blocked
        /// Refused, unreachable.
        case connect
        /// No handshake, or a certificate that is not to be trusted.
        case tls
        /// The time was up before the request could be sent.
        case timeoutConnect = "timeout_connect"
        /// The time was up before the answer began.
        case timeoutFirstByte = "timeout_first_byte"
        /// The time was up before the answer ended.
        case timeoutBody = "timeout_body"
        /// The connection ended before the answer did.
        case reset
        /// The answer's header is beyond the limit.
        case tooLarge = "too_large"
        /// The request cannot be sent as it is: its URL, method or a header. Final.
        case invalid
        /// The client was closed, or has as many transfers as it may.
        case cancelled
        /// Anything else, such as an answer that is no HTTP.
        case other
    }

    package let kind: Kind
    /// Safe for any log: no URL, no payload.
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { "\(kind.rawValue): \(message)" }
}

extension HTTPFailure {
    /// How far a transfer came.
    enum Progress: Sendable { case connecting, waiting, answering }

    /// - Parameters:
    ///   - progress: tells the time-outs apart.
    ///   - isBlocked: a guard refused the address; libcurl then reports whatever that looked like to it.
    init(code: CURLcode, progress: Progress, isBlocked: Bool) {
        let message = String(cString: curl_easy_strerror(code))
        self.init(isBlocked ? .blocked : Self.kind(code, progress), isBlocked ? "the address is not allowed" : message)
    }

    private static func kind(_ code: CURLcode, _ progress: Progress) -> Kind {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .dns
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED: .connect
        case CURLE_OPERATION_TIMEDOUT:
            switch progress {
            case .connecting: .timeoutConnect
            case .waiting: .timeoutFirstByte
            case .answering: .timeoutBody
            }
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED, CURLE_SSL_SHUTDOWN_FAILED, CURLE_SSL_ENGINE_INITFAILED:
            .tls
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE: .reset
        // An answer of one header line beyond libcurl's own limit (100 KiB) is told as this, and so is nothing else here:
        // out of memory, a process of ours is ended anyway.
        case CURLE_OUT_OF_MEMORY where progress == .answering: .tooLarge
        // Of an answer that is no HTTP/1 at all; of a URL it means that we let something pass.
        case CURLE_UNSUPPORTED_PROTOCOL where progress != .connecting: .other
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_FUNCTION_ARGUMENT: .invalid
        default: .other
        }
    }
}
