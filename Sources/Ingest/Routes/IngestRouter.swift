import Core
package import EventLoop
package import HTTPServer
package import JobQueue
package import Postgres
package import Redis

/// Which path is whose, and one place where refusals become answers.
@Loop
package final class IngestRouter {
    let events: EventRoute
    let status: EventStatusRoute
    let clicks: ClickRoute
    let hooks: HookRoute
    let metrics = IngestMetrics()

    /// - Parameters:
    ///   - queue: on a connection that nothing blocks.
    ///   - limiterConnection: for counting clicks; may be the queue's own.
    ///   - pool: asked by `GET /api/v1/events/{id}` only.
    package init(
        _ configuration: IngestConfiguration, queue: JobQueue, limiterConnection: RedisClient,
        directory: IngestDirectory, gate: QueueGate, pool: PostgresPool
    ) {
        let refusals = StoreRefusals()
        let intake = EventIntake(
            queue: queue, gate: gate, refusals: refusals, clock: directory.clock, metrics: metrics)
        events = EventRoute(directory: directory, intake: intake, metrics: metrics)
        status = EventStatusRoute(directory: directory, queue: queue, pool: pool)
        clicks = ClickRoute(
            configuration, queue: queue, gate: gate, refusals: refusals, directory: directory,
            limiter: RateLimiter(connection: limiterConnection, prefix: configuration.prefix), metrics: metrics)
        hooks = HookRoute(configuration, queue: queue, directory: directory, intake: intake, metrics: metrics)
    }

    /// The server's handler.
    package func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let begin = Loop.monotonicNanoseconds
        let route = Self.route(of: request.path)
        var response: HTTPResponse
        do throws(IngestRefusal) {
            response = try await answer(request, route)
        } catch {
            metrics.refused(route, code: error.code)
            response = error.response(to: request)
            if route == .click { ClickRoute.addSharing(to: &response, request) }
        }
        metrics.answered(route, status: response.status, nanoseconds: Loop.monotonicNanoseconds - begin)
        return response
    }

    private func answer(
        _ request: HTTPRequest, _ route: IngestMetrics.Route
    ) async throws(IngestRefusal) -> HTTPResponse {
        switch route {
        case .events:
            guard request.method == "POST" else { throw .methodNotAllowed("POST") }
            return try await events.answer(request)
        case .event:
            guard request.method == "GET" else { throw .methodNotAllowed("GET") }
            guard let segments = request.pathSegments, segments.count == 4 else { throw .notFound }
            return try await status.answer(request, id: segments[3])
        case .click:
            if request.method == "OPTIONS" { return ClickRoute.preflight(request) }
            guard request.method == "POST" else { throw .methodNotAllowed("POST, OPTIONS") }
            return try await clicks.answer(request)
        case .shopify, .woocommerce:
            guard let segments = request.pathSegments, segments.count == 5 else { throw .notFound }
            guard request.method == "POST" else { throw .methodNotAllowed("POST") }
            return try await hooks.answer(request, platform: route.rawValue, source: segments[4])
        case .other: throw .notFound
        }
    }

    private static func route(of path: String) -> IngestMetrics.Route {
        if path == "/api/v1/events" { return .events }
        if path == "/api/v1/tracking/click" { return .click }
        if path.hasPrefix("/api/v1/events/") { return .event }
        if path.hasPrefix("/api/v1/hooks/shopify/") { return .shopify }
        if path.hasPrefix("/api/v1/hooks/woocommerce/") { return .woocommerce }
        return .other
    }
}
