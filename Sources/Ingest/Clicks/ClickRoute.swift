import Core
import Crypto
import EventLoop
import Fleet
import HTTPServer
import JobQueue
import Redis
import Telemetry

/// `POST /api/v1/tracking/click`: limits, recognises the partner, filters, enqueues, answers.
///
/// In this order: the address' limit, the partner, bots, duplicates. A refused click is counted and not stored; a filtered one
/// is stored with its reason.
@Loop
final class ClickRoute {
    private let privacyKey: [UInt8]
    private let trustedProxies: [AddressRange]
    private let queue: JobQueue
    private let gate: QueueGate
    private let directory: IngestDirectory
    private let limiter: RateLimiter
    private let metrics: IngestMetrics
    private let refusals: StoreRefusals

    init(
        _ configuration: IngestConfiguration, queue: JobQueue, gate: QueueGate, refusals: StoreRefusals,
        directory: IngestDirectory, limiter: RateLimiter, metrics: IngestMetrics
    ) {
        self.refusals = refusals
        privacyKey = configuration.privacyKey
        trustedProxies = configuration.trustedProxies
        self.queue = queue
        self.gate = gate
        self.directory = directory
        self.limiter = limiter
        self.metrics = metrics
    }

    func answer(_ request: HTTPRequest) async throws(IngestRefusal) -> HTTPResponse {
        _ = try directory.loaded()
        let address = ClientAddress(peer: request.peerAddress, headers: request.headers, trusted: trustedProxies)
        let limit = try await limit(request, address)
        let fields = try ClickRequest(request)
        guard let partner = try await partner(fields) else {
            metrics.click("unknown_code")
            throw IngestRefusal(
                404, "unknown_referral_code", "No partner has this referral code.",
                problems: [FieldProblem("referralCode", "is not known")])
        }
        try gate.check(.clicks)
        var click = click(fields, partner, request, address)
        let original = try await enqueue(&click)
        metrics.click(click.status.rawValue)
        return response(to: request, click, original: original, limit)
    }

    // MARK: Limit

    /// Nil for a key that is exempt. - Throws: 429 with the specified message.
    private func limit(
        _ request: HTTPRequest, _ address: ClientAddress?
    ) async throws(IngestRefusal) -> RateLimiter.Answer? {
        if let key = try await directory.key(of: request), key.scopes.contains(.limitsSkip) { return nil }
        // Without an address (a test's own request) all share one count.
        let name = address.map { Hex.encode(Array($0.limitHash(key: privacyKey).prefix(16))) } ?? "unknown"
        let answer: RateLimiter.Answer
        do throws(RedisError) {
            answer = try await limiter.take(
                "click:\(name)", limit: IngestLimits.clicksMax, window: IngestLimits.clickWindow)
        } catch {
            if error.kind == .outOfMemory { throw .storeFull }
            throw .storeUnavailable
        }
        guard !answer.isAllowed else { return answer }
        metrics.click("rate_limited")
        var refusal = IngestRefusal(
            429, "rate_limited", "Too many click requests from this IP, please try again later.",
            retryAfter: answer.resetSeconds)
        Self.addLimit(answer, to: &refusal.headers)
        throw refusal
    }

    private static func addLimit(_ answer: RateLimiter.Answer, to headers: inout HTTPHeaders) {
        headers.add("RateLimit-Limit", "\(answer.limit)")
        headers.add("RateLimit-Remaining", "\(answer.remaining)")
        headers.add("RateLimit-Reset", "\(answer.resetSeconds)")
    }

    // MARK: The click

    private func partner(_ fields: ClickRequest) async throws(IngestRefusal) -> Directory.Partner? {
        switch fields.partner {
        case .code(let code): try await directory.partner(code: code, programme: fields.programme)
        case .partner(let id): try await directory.partner(id)
        }
    }

    private func click(
        _ fields: ClickRequest, _ partner: Directory.Partner, _ request: HTTPRequest, _ address: ClientAddress?
    ) -> Click {
        let now = directory.clock.now
        var click = Click(id: .version7(at: now), partner: partner, clickedAt: now)
        click.productID = fields.productID
        click.campaign = fields.campaign
        click.medium = fields.medium
        click.source = fields.source
        click.sessionID = fields.sessionID
        click.fingerprint = fields.fingerprint
        click.customerID = fields.customerID
        click.referer = fields.referer
        click.addressPrefix = address?.anonymised
        click.addressHash = address?.hash(key: privacyKey)
        let userAgent = request.headers["User-Agent"]
        click.userAgent = userAgent?.cut(toBytes: IngestLimits.textBytesMax)
        if let reason = BotFilter.reason(userAgent: userAgent, headers: request.headers) {
            click.status = .bot
            click.botReason = reason
        }
        return click
    }

    /// Enqueues it; a duplicate as such. The first click's id where it is one.
    private func enqueue(_ click: inout Click) async throws(IngestRefusal) -> UUID? {
        do throws(QueueError) {
            let offer = try await offer(&click)
            refusals.taken()
            if case .taken(let original) = offer { return original }
        } catch {
            throw refusals.refusal(error)
        }
        throw .queueTooLong
    }

    private enum Offer { case taken(original: UUID?), full }

    private func offer(_ click: inout Click) async throws(QueueError) -> Offer {
        guard click.status == .valid, let visitor = Self.visitor(click) else {
            return try await queue.enqueue(click.job()) == .full ? .full : .taken(original: nil)
        }
        switch try await queue.enqueue(click.job(), ifFirstOf: visitor, within: IngestLimits.duplicateWindow) {
        case .enqueued: return .taken(original: nil)
        case .full: return .full
        case .seen(let first):
            guard let original = UUID(first) else { return .taken(original: nil) }
            click.status = .duplicate
            click.originalID = original
            return try await queue.enqueue(click.job()) == .full ? .full : .taken(original: original)
        }
    }

    /// What makes two clicks one visitor's: partner, session and fingerprint. Nil when there is nothing to compare.
    private static func visitor(_ click: Click) -> [UInt8]? {
        guard click.sessionID != nil || click.fingerprint != nil else { return nil }
        var writer = DataWriter(capacity: 128)
        writer.set("partner", click.partnerID.description)
        writer.set("session", click.sessionID)
        writer.set("fingerprint", click.fingerprint)
        return Array(SHA256.digest(writer.end()).prefix(16))
    }

    // MARK: The answer

    private func response(
        to request: HTTPRequest, _ click: Click, original: UUID?, _ limit: RateLimiter.Answer?
    ) -> HTTPResponse {
        var writer = DataWriter(capacity: 256)
        writer.set("success", true)
        writer.set("data", object: click) { click, writer in
            // Of a duplicate the first click's id, so that its order is attributed all the same.
            writer.set("clickId", (original ?? click.id).description)
            writer.set("status", click.status.rawValue)
            writer.set("isValid", click.status == .valid)
            writer.set("botDetectionReason", click.botReason)
        }
        writer.set("message", click.status == .valid ? "Click recorded successfully" : "Click recorded and filtered")
        var response = HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: writer.end())
        if let limit { Self.addLimit(limit, to: &response.headers) }
        Self.addSharing(to: &response, request)
        return response
    }

    /// The answer to a browser that asks whether it may post from another origin: anybody may.
    static func preflight(_ request: HTTPRequest) -> HTTPResponse {
        var response = HTTPResponse(
            status: 204,
            headers: [
                "Access-Control-Allow-Methods": "POST, OPTIONS",
                "Access-Control-Allow-Headers": "Content-Type, Authorization, X-Request-Id",
                "Access-Control-Max-Age": "86400",
            ])
        addSharing(to: &response, request)
        return response
    }

    /// The origin is repeated, and credentials allowed though nothing here looks at a cookie: `sendBeacon` always sends
    /// with credentials, and a browser then takes no `*`.
    static func addSharing(to response: inout HTTPResponse, _ request: HTTPRequest) {
        guard let origin = request.headers["Origin"] else { return }
        response.headers.add("Access-Control-Allow-Origin", origin)
        response.headers.add("Access-Control-Allow-Credentials", "true")
        response.headers.add("Vary", "Origin")
        response.headers.add(
            "Access-Control-Expose-Headers",
            "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id")
    }
}
