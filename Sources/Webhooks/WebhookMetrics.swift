import EventLoop
import HTTPClient
import Telemetry

/// What the specification asks the webhook worker to count.
@Loop
final class WebhookMetrics {
    /// The series of one type of event that each success needs.
    private struct Series {
        let delivered: Counter.Series
        let duration: Histogram.Series
    }

    private let delivered = Counter(
        "webhooks_delivered_total", "Deliveries that an endpoint answered with 2xx.", labels: ["event_type"])
    private let failed = Counter(
        "webhooks_failed_total", "Attempts without a 2xx, by class of failure.", labels: ["event_type", "error_type"])
    private let duration = Histogram(
        "webhook_delivery_duration_seconds", "Time of one attempt, whatever its end.",
        bounds: [0.1, 0.5, 1, 2, 5, 10], labels: ["event_type"])
    private var series: [String: Series] = [:]

    func count(_ record: AttemptRecord) {
        let type = record.delivery.eventType
        let series = series(of: type)
        if let failure = record.verdict.failureClass {
            failed.add(1, [type, failure])
        } else {
            series.delivered.add()
        }
        series.duration.observe(Double(record.result.timings.totalMicroseconds) / 1e6)
    }

    private func series(of type: String) -> Series {
        if let known = series[type] { return known }
        let new = Series(delivered: delivered.series([type]), duration: duration.series([type]))
        series[type] = new
        return new
    }
}
