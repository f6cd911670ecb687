package import EventLoop

/// The process's metrics, rendered for Prometheus.
///
/// A metric is declared once, as a `@Loop let` beside the code that counts: `Counter("jobs_completed_total", "...",
/// labels: ["queue", "kind", "outcome"])`. Declaring the same one again gives the same series. Labels have a bounded
/// range and never carry an id; should one grow all the same, its series beyond ``seriesMax`` fold into one.
@Loop
package final class Metrics {
    package static let shared = Metrics()

    /// Series a metric may have; what comes later is counted in the series whose labels are all `other`.
    nonisolated package static let seriesMax = 500

    /// What ``renderPrometheus()`` returns, for the answer's header.
    nonisolated package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var families: [String: any AnyMetricFamily] = [:]
    private var collectors: [@Loop () -> Void] = []
    private let log = Log(component: "telemetry")
    private var overflowed: Set<String> = []

    package init() {}

    /// Calls `collector` before each rendering, to set gauges that are read rather than counted. It must not block.
    package func beforeRendering(_ collector: @escaping @Loop () -> Void) { collectors.append(collector) }

    /// All metrics in the Prometheus text format 0.0.4, by name; O(number of series).
    package func renderPrometheus() -> [UInt8] {
        for collector in collectors { collector() }
        var text = PrometheusText()
        for (_, family) in families.sorted(by: { $0.key < $1.key }) { family.render(into: &text) }
        return text.bytes
    }

    /// The family of that name, made when new. Another shape under a known name is a bug of ours and traps.
    func family<Cell: MetricCell>(
        _ name: String, help: String, type: String, labels: [String], bounds: [Double] = []
    ) -> MetricFamily<Cell> {
        if let known = families[name] {
            guard let known = known as? MetricFamily<Cell>, known.labelNames == labels, known.bounds == bounds else {
                preconditionFailure("the metric \(name) is declared twice, with another shape")
            }
            return known
        }
        precondition(Self.isName(name, colon: true), "not a metric's name: \(name)")
        for label in labels {
            precondition(
                Self.isName(label, colon: false) && !label.hasPrefix("__") && label != "le", "not a label: \(label)")
        }
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "buckets of \(name) must grow")
        let family = MetricFamily<Cell>(
            name: name, help: help, type: type, labelNames: labels, bounds: bounds,
            overflowed: { [weak self] in self?.reportOverflow($0) })
        families[name] = family
        return family
    }

    private func reportOverflow(_ name: String) {
        guard overflowed.insert(name).inserted else { return }
        log.error(
            "a metric has too many series", ["metric.name": .string(name), "metric.series_max": .int(Self.seriesMax)])
    }

    private static func isName(_ text: String, colon: Bool) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, 95: true
            case 58: colon
            default: false
            }
        }
    }
}
