import Core
import Crypto
import EventLoop
import HTTPServer
import JobQueue
import Telemetry

/// `POST /api/v1/hooks/{platform}/{source}`: verifies the platform's own signature over the raw body, and enqueues what it says
/// as events.
///
/// After a valid signature the answer is always 2xx, and 5xx only when nothing was stored: shops unsubscribe those who answer
/// 4xx. What cannot be used is kept with its reason.
@Loop
final class HookRoute {
    private let masterKey: [UInt8]?
    private let masterKeyID: String
    private let queue: JobQueue
    private let directory: IngestDirectory
    private let intake: EventIntake
    private let metrics: IngestMetrics
    private let log = Log(component: "ingest")
    /// Opened secrets, by the sealed bytes they came from.
    private var secrets: [String: (sealed: [UInt8], secret: [UInt8])] = [:]

    init(
        _ configuration: IngestConfiguration, queue: JobQueue, directory: IngestDirectory, intake: EventIntake,
        metrics: IngestMetrics
    ) {
        masterKey = configuration.masterKey
        masterKeyID = configuration.masterKeyID
        self.queue = queue
        self.directory = directory
        self.intake = intake
        self.metrics = metrics
    }

    func answer(
        _ request: HTTPRequest, platform: String, source: String
    ) async throws(IngestRefusal) -> HTTPResponse {
        let isShopify = platform == "shopify"
        let signature = request.headers[isShopify ? "X-Shopify-Hmac-Sha256" : "X-WC-Webhook-Signature"]
        if !isShopify, signature == nil, Self.isPing(request.body) {
            return .json(200, ["success": true, "message": "pong"])
        }
        guard let hook = try await directory.hook(source), hook.platform == platform else {
            throw IngestRefusal(404, "unknown_hook_source", "No \(platform) source has this name.")
        }
        let secret = try secret(of: hook)
        guard let code = signature.flatMap({ Base64.decode(String($0.trimmed)) }),
            HMACSHA256.verify(code, of: request.body, key: secret)
        else { throw IngestRefusal(401, "wrong_signature", "The body is not signed with this source's secret.") }
        let topic = request.headers[isShopify ? "X-Shopify-Topic" : "X-WC-Webhook-Topic"] ?? ""
        do throws(IngestRefusal) {
            return try await take(request.body, topic: topic.cut(toBytes: IngestLimits.textBytesMax), hook)
        } catch {
            // The shop must not take a full queue for a fault of its own.
            guard error.status < 500 else { throw error }
            throw IngestRefusal(503, error.code, error.message, retryAfter: error.retryAfter ?? 10)
        }
    }

    /// What WooCommerce posts, unsigned, when a webhook is saved: `webhook_id=123`.
    private static func isPing(_ body: [UInt8]) -> Bool {
        let prefix = Array("webhook_id=".utf8)
        return body.starts(with: prefix) && body.count > prefix.count && body.count <= prefix.count + 20
            && body.dropFirst(prefix.count).allSatisfy { (0x30...0x39).contains($0) }
    }

    private func secret(of hook: Directory.HookSource) throws(IngestRefusal) -> [UInt8] {
        if let known = secrets[hook.source], known.sealed == hook.sealedSecret { return known.secret }
        do throws(CryptoError) {
            guard let masterKey, hook.secretKeyID == masterKeyID else { throw .notAuthentic }
            let secret = try HookSecret.open(hook.sealedSecret, source: hook.source, masterKey: masterKey)
            secrets[hook.source] = (hook.sealedSecret, secret)
            return secret
        } catch {
            log.error(
                "a hook's secret cannot be opened",
                ["hook.source": .string(hook.source), "hook.key_id": .string(hook.secretKeyID), "error": .error(error)])
            throw IngestRefusal(503, "secret_unavailable", "This source's secret cannot be opened.", retryAfter: 60)
        }
    }

    // MARK: After the signature

    private func take(
        _ body: [UInt8], topic: String, _ hook: Directory.HookSource
    ) async throws(IngestRefusal) -> HTTPResponse {
        let reading = Self.read(body, topic: topic, platform: hook.platform)
        var events: [OrderEvent] = []
        var problems = reading.problems
        for order in reading.orders {
            let candidates = ReferralCandidate.sorted(order.codes, by: hook.codeFrom)
            events += order.events(referralCode: await code(candidates, programme: hook.programme))
            problems += order.problems
        }
        for loose in reading.refunds { events += ShopOrder.events(of: loose.refunds, order: loose.orderID) }
        let outcomes =
            events.isEmpty
            ? [] : try await intake.take(events, programme: hook.programme, source: hook.source)
        for case .refused(let refusal) in outcomes { problems.append(HookProblem(refusal.code)) }
        if !problems.isEmpty { try await keep(body, topic: topic, problems, hook) }
        return Self.response(outcomes, problems)
    }

    private static func read(_ body: [UInt8], topic: String, platform: String) -> HookReading {
        let json: JSON
        do {
            json = try JSON.parse(body)
        } catch {
            return HookReading(problems: [HookProblem("malformed_json", error.description)])
        }
        return platform == "shopify"
            ? ShopifyAdapter.read(topic: topic, json) : WooCommerceAdapter.read(topic: topic, json)
    }

    /// The first candidate that a partner has; else the first one that was meant as a referral code, so that the conversion
    /// can say why nobody is paid.
    private func code(_ candidates: [ReferralCandidate], programme: String) async -> String? {
        var isUncertain = false
        for candidate in candidates {
            do throws(IngestRefusal) {
                if try await directory.partner(code: candidate.code, programme: programme) != nil {
                    return candidate.code
                }
            } catch {
                // It cannot be asked now; the worker decides by PostgreSQL.
                isUncertain = true
            }
        }
        let meant = candidates.first { $0.place.meansReferral }
        return (meant ?? (isUncertain ? candidates.first : nil))?.code
    }

    private func keep(
        _ body: [UInt8], topic: String, _ problems: [HookProblem], _ hook: Directory.HookSource
    ) async throws(IngestRefusal) {
        let reason = problems.prefix(5).map(\.description).joined(separator: "; ")
        let unusable = UnusableHook(
            source: hook.source, topic: topic, reason: reason.cut(toBytes: IngestLimits.textBytesMax), body: body,
            acceptedAt: directory.clock.now)
        _ = try await intake.enqueue([unusable.job()])
        metrics.unusableHooks.add()
        log.info(
            "a hook cannot be used and is kept",
            ["hook.source": .string(hook.source), "hook.topic": .string(topic), "hook.reason": .string(reason)])
    }

    private static func response(_ outcomes: [EventIntake.Outcome], _ problems: [HookProblem]) -> HTTPResponse {
        var writer = DataWriter(capacity: 64 + outcomes.count * 256)
        writer.set("success", true)
        writer.set("data", object: outcomes) { outcomes, writer in
            let accepted = outcomes.compactMap { outcome -> (AcceptedEvent, Bool)? in
                if case .accepted(let event, let isDuplicate) = outcome { (event, isDuplicate) } else { nil }
            }
            writer.set("events", accepted) { accepted, writer in
                writer.set("type", accepted.0.type.rawValue)
                accepted.0.write(to: &writer, isDuplicate: accepted.1)
            }
            writer.set("unusable", problems) { problem, writer in
                writer.set("code", problem.code)
                writer.set("reason", problem.detail)
            }
        }
        return HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: writer.end())
    }
}
