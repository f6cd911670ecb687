/// One attempt at one request.
package struct HTTPClientRequest: Sendable {
    /// A token; `GET`, `HEAD` and `POST` are given to libcurl as such, the rest as they stand.
    package var method: String
    package var url: String
    /// Sent beside `User-Agent`, `Accept`, `Content-Length` and `Host`. A name must be a token, a value free of CR, LF and NUL.
    package var headers: [(String, String)]
    /// Sent for every method but `GET` and `HEAD`.
    package var body: [UInt8]
    /// For the whole attempt: name, connection, request, answer with its body.
    package var timeout = Duration.seconds(5)
    /// For the connection, handshake included; within ``timeout``.
    package var connectTimeout = Duration.seconds(5)
    /// Bytes of the answer's body that are kept for the result.
    package var keptBytesMax = 4096
    /// Bytes of the answer's body that are read; then the connection is ended, which is no failure.
    package var readBytesMax = 64 * 1024
    /// Bytes of the answer's header; beyond that the attempt fails with `too_large`.
    package var headerBytesMax = 32 * 1024
    /// A file of certificates to trust in place of the system's.
    package var certificateAuthorityFile: String?

    package init(method: String = "POST", url: String, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    var limits: Transfer.Limits {
        Transfer.Limits(headerBytesMax: headerBytesMax, keptBytesMax: keptBytesMax, readBytesMax: readBytesMax)
    }

    /// Whether libcurl may be given the method and headers as they are.
    var isWellFormed: Bool {
        guard !method.isEmpty, method.utf8.allSatisfy(Self.isTokenByte) else { return false }
        return headers.allSatisfy { name, value in
            !name.isEmpty && name.utf8.allSatisfy(Self.isTokenByte)
                && value.utf8.allSatisfy { $0 != 0 && $0 != 10 && $0 != 13 }
        }
    }

    /// RFC 9110, 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
