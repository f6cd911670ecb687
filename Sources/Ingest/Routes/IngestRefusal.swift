package import Core
package import HTTPServer

/// Why a request, or one element of a batch, was not taken. Nothing of it was enqueued.
package struct IngestRefusal: Error, Sendable {
    package let status: Int
    /// A word for programs, such as `invalid_event`.
    package let code: String
    /// A sentence for people.
    package let message: String
    package var problems: [FieldProblem] = []
    /// Seconds after which to come again.
    package var retryAfter: Int?
    package var headers: HTTPHeaders = [:]
    /// More of it, in the place of `problems`.
    package var details: JSON?

    package init(
        _ status: Int, _ code: String, _ message: String, problems: [FieldProblem] = [], retryAfter: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.problems = problems
        self.retryAfter = retryAfter
    }

    private var allDetails: JSON { details ?? .array(problems.map(\.json)) }

    /// The `error` of one element in a batch's answer.
    var elementJSON: JSON {
        ["code": .string(code), "message": .string(message), "details": allDetails]
    }

    /// The house envelope, or RFC 9457's fields for who accepts `application/problem+json`.
    func response(to request: HTTPRequest) -> HTTPResponse {
        var response: HTTPResponse
        if Self.acceptsProblemJSON(request) {
            response = .json(
                status,
                [
                    "type": .string("urn:tributary:problem:\(code)"), "title": .string(message),
                    "status": JSON(integer: status), "detail": .string(message), "instance": .string(request.path),
                    "code": .string(code), "details": allDetails, "requestId": .string(request.id),
                ])
            response.headers = ["Content-Type": "application/problem+json"]
        } else {
            response = .json(
                status,
                [
                    "success": false,
                    "error": [
                        "code": .string(code), "message": .string(message), "details": allDetails,
                        "requestId": .string(request.id),
                    ],
                ])
        }
        if let retryAfter { response.headers.add("Retry-After", "\(retryAfter)") }
        for (name, value) in headers.fields { response.headers.add(name, value) }
        return response
    }

    private static func acceptsProblemJSON(_ request: HTTPRequest) -> Bool {
        guard let accept = request.headers["Accept"] else { return false }
        return accept.lowercased().contains("application/problem+json")
    }
}

extension IngestRefusal {
    static let noDirectory = IngestRefusal(
        503, "directory_not_loaded", "The directory of keys and partners is not loaded yet.", retryAfter: 2)
    static let lookUpUnavailable = IngestRefusal(
        503, "lookup_unavailable", "An unknown name cannot be checked at the moment.", retryAfter: 2)
    static let storeUnavailable = IngestRefusal(
        503, "store_unavailable", "The queue cannot be reached; nothing is known to be stored. Send it again.",
        retryAfter: 1)
    static let storeNotReplicated = IngestRefusal(
        503, "store_not_replicated",
        "Too few replicas of the queue's store have it; it may be lost with its master. Send it again.", retryAfter: 1)
    static let storeFull = IngestRefusal(503, "store_full", "The queue's memory is full.", retryAfter: 30)
    static let queueTooLong = IngestRefusal(
        429, "queue_too_long", "Too many jobs wait already; come again later.", retryAfter: 10)
    static let noCredentials: IngestRefusal = {
        var refusal = IngestRefusal(401, "unauthorized", "A valid API key is required: Authorization: Bearer tk_live_…")
        refusal.headers = ["WWW-Authenticate": "Bearer realm=\"tributary\""]
        return refusal
    }()

    static func methodNotAllowed(_ allowed: String) -> IngestRefusal {
        var refusal = IngestRefusal(405, "method_not_allowed", "This path answers \(allowed) only.")
        refusal.headers = ["Allow": allowed]
        return refusal
    }

    static let notFound = IngestRefusal(404, "not_found", "No such path.")

    static func malformedJSON(_ error: JSONError) -> IngestRefusal {
        IngestRefusal(
            400, "malformed_json", "The body is not acceptable JSON: \(error.description).",
            problems: [FieldProblem(error.pointer, "\(error.message) at byte \(error.offset)")])
    }
}
