package import Core

/// One request, read whole.
package struct HTTPRequest: Sendable {
    /// `GET`, `POST`, `HEAD`, `PUT`, `DELETE`, `OPTIONS` or `PATCH`; others are answered 501 without the handler.
    package let method: String
    /// The path as it came, still percent-encoded, without the query; begins with `/` (or is `*`).
    package let path: String
    /// What followed `?`, still encoded; may hold secrets and is never logged.
    package let queryString: String
    package let headers: HTTPHeaders
    package let body: [UInt8]
    /// The numeric address of the other end of the connection, which may be a proxy's.
    package let peerAddress: String
    /// The client's `X-Request-Id` when it is fit to be repeated, else one made here. The answer carries it.
    package let id: String
    /// When its last byte was read.
    package let receivedAt: EpochMilliseconds

    /// For tests of handlers; the server makes its own.
    package init(
        method: String, path: String, queryString: String = "", headers: HTTPHeaders = [:], body: [UInt8] = [],
        peerAddress: String = "127.0.0.1", id: String = "test", receivedAt: EpochMilliseconds
    ) {
        self.method = method
        self.path = path
        self.queryString = queryString
        self.headers = headers
        self.body = body
        self.peerAddress = peerAddress
        self.id = id
        self.receivedAt = receivedAt
    }

    /// The query's fields in their order, decoded (`application/x-www-form-urlencoded`); parsed at each call.
    package var query: [(String, String)] { FormFields.parse(queryString.utf8) }

    /// The first query field of that name, decoded.
    package func query(_ name: String) -> String? { query.first { $0.0 == name }?.1 }

    /// The path's segments, percent-decoded: `/a/b%2Fc` is `["a", "b/c"]`. `nil` when an escape is malformed.
    package var pathSegments: [String]? {
        var segments: [String] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            guard let segment = FormFields.decoded(part, plusIsSpace: false) else { return nil }
            segments.append(segment)
        }
        return segments
    }
}
