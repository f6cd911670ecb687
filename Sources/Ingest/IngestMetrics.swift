import EventLoop
import Telemetry

/// What the ingest counts; the names are a contract, see docs/metrics.md.
@Loop
final class IngestMetrics {
    enum Route: String, CaseIterable {
        case events, event, click, shopify, woocommerce, other
    }

    private let requests = Counter(
        "ingest_requests_total", "Requests answered, by route and status.", labels: ["route", "status"])
    private let refusals = Counter(
        "ingest_refusals_total", "Requests and elements of batches refused, by reason.", labels: ["route", "code"])
    private let clickSeries: [String: Counter.Series]
    private let seconds: [Route: Histogram.Series]
    private var requestSeries: [Route: [Int: Counter.Series]] = [:]
    let acceptedEvents: Counter.Series
    let duplicateEvents: Counter.Series
    let refusedEvents: Counter.Series
    let unusableHooks: Counter.Series

    init() {
        let events = Counter("ingest_events_total", "Events received, by outcome.", labels: ["outcome"])
        acceptedEvents = events.series(["accepted"])
        duplicateEvents = events.series(["duplicate"])
        refusedEvents = events.series(["refused"])
        let clicks = Counter("ingest_clicks_total", "Clicks received, by status.", labels: ["status"])
        clickSeries = Dictionary(
            uniqueKeysWithValues: (ClickStatus.allCases.map(\.rawValue) + ["rate_limited", "unknown_code"]).map {
                ($0, clicks.series([$0]))
            })
        unusableHooks = Counter("ingest_unusable_hooks_total", "Hooks kept because they cannot be used.").series()
        let durations = Histogram(
            "ingest_request_duration_seconds", "From a request's last byte to its answer.", labels: ["route"])
        seconds = Dictionary(uniqueKeysWithValues: Route.allCases.map { ($0, durations.series([$0.rawValue])) })
    }

    func answered(_ route: Route, status: Int, nanoseconds: Int64) {
        if let series = requestSeries[route]?[status] {
            series.add()
        } else {
            let series = requests.series([route.rawValue, String(status)])
            requestSeries[route, default: [:]][status] = series
            series.add()
        }
        seconds[route]?.observe(Double(nanoseconds) / 1e9)
    }

    /// `code` comes from ``IngestRefusal``, a closed list.
    func refused(_ route: Route, code: String) { refusals.add(1, [route.rawValue, code]) }

    func click(_ status: String) { clickSeries[status]?.add() }
}
