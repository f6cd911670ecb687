package import Core

/// What a handler answers. `Content-Length`, `Date`, `X-Request-Id` and what keeps the connection alive are the server's.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    /// Not sent for `HEAD`, 204 and 304, whatever it holds.
    package var body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package static func json(_ status: Int, _ json: JSON) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "application/json"], body: json.serialized())
    }

    package static func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    /// The house envelope of a refusal.
    package static func failure(_ status: Int, code: String, message: String, requestID: String) -> HTTPResponse {
        .json(
            status,
            [
                "success": false,
                "error": ["code": .string(code), "message": .string(message), "requestId": .string(requestID)],
            ])
    }
}
