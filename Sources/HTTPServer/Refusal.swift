/// Why the server answers in the handler's place, and closes.
enum Refusal: Equatable, Sendable {
    case malformed, tooSlow, bodyTooLarge, expectation, headersTooLarge, unknownMethod, overBudget, handlerTooSlow

    /// evhttp's own verdict, read from the status line it writes.
    ///
    /// - Parameter receivedBytes: of this request; evhttp says 400 for a header that is too long.
    init(evhttpStatus status: Int, receivedBytes: Int, headerBytesMax: Int) {
        switch status {
        case 413: self = .bodyTooLarge
        case 417: self = .expectation
        // 0 is what libevent 2.1.12 answers to a method it does not know.
        case 501, 0: self = .unknownMethod
        default: self = receivedBytes > headerBytesMax ? .headersTooLarge : .malformed
        }
    }

    var status: Int {
        switch self {
        case .malformed: 400
        case .tooSlow: 408
        case .bodyTooLarge: 413
        case .expectation: 417
        case .headersTooLarge: 431
        case .unknownMethod: 501
        case .overBudget, .handlerTooSlow: 503
        }
    }

    var reason: String {
        switch self {
        case .malformed: "Bad Request"
        case .tooSlow: "Request Timeout"
        case .bodyTooLarge: "Content Too Large"
        case .expectation: "Expectation Failed"
        case .headersTooLarge: "Request Header Fields Too Large"
        case .unknownMethod: "Not Implemented"
        case .overBudget, .handlerTooSlow: "Service Unavailable"
        }
    }

    var code: String {
        switch self {
        case .malformed: "malformed_request"
        case .tooSlow: "request_timeout"
        case .bodyTooLarge: "body_too_large"
        case .expectation: "expectation_failed"
        case .headersTooLarge: "headers_too_large"
        case .unknownMethod: "method_not_implemented"
        case .overBudget: "overloaded"
        case .handlerTooSlow: "deadline_exceeded"
        }
    }

    /// The same for every client: an honest one may come again when the memory is free.
    static let retryAfterSeconds = 1

    func response(requestID: String) -> HTTPResponse {
        var response = HTTPResponse.failure(status, code: code, message: reason, requestID: requestID)
        if status == 503 { response.headers.add("Retry-After", "\(Self.retryAfterSeconds)") }
        return response
    }
}
