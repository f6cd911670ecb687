import EventLoop
import HTTPServer
import Telemetry

extension FleetProcess {
    /// Starts the server of `/metrics`, `/health/live` and `/health/ready`.
    func startMetricsServer() throws {
        ProcessMetrics.install()
        let events = Counter("log_lines_dropped_total", "Log lines dropped because their reader was slow.").series()
        Metrics.shared.beforeRendering {
            events.add(max(0, Double(LogWriter.standardError.droppedLinesTotal) - events.value))
        }
        var options = HTTPServerConfiguration()
        options.address = configuration.metricsAddress
        options.port = configuration.metricsPort
        options.connectionsMax = 64
        options.bodyBytesMax = 1024
        options.requestDeadline = .seconds(10)
        let server = HTTPServer(options) { [self] request in await answer(request) }
        try server.start()
        metricsServer = server
    }

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            return HTTPResponse(status: 405, headers: ["Allow": "GET, HEAD"])
        }
        switch request.path {
        case "/metrics":
            let actions = beforeScrapes
            _ = await finishes(within: .seconds(1)) {
                let asked = actions.map { action in Task { @Loop in await action() } }
                for task in asked { await task.value }
            }
            return HTTPResponse(
                status: 200, headers: ["Content-Type": Metrics.contentType], body: Metrics.shared.renderPrometheus())
        case "/health/live": return Self.response(health.report(.live))
        case "/health/ready", "/health": return Self.response(health.report(.ready))
        default: return .failure(404, code: "not_found", message: "No such path.", requestID: request.id)
        }
    }

    private static func response(_ report: HealthReport) -> HTTPResponse {
        HTTPResponse(
            status: report.isHealthy ? 200 : 503,
            headers: ["Content-Type": "application/json", "Cache-Control": "no-store"],
            body: report.body)
    }
}
