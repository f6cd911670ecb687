import EventLoop
import Testing

@testable import Telemetry

@Suite struct MetricsTests {
    init() { Loop.startThread() }

    @Loop private func text(_ registry: Metrics) -> String {
        String(decoding: registry.renderPrometheus(), as: UTF8.self)
    }

    @Loop @Test func theTextIsThatOfTheFormat() {
        let registry = Metrics()
        let requests = Counter(
            "http_requests_total", "Requests.\nWith \\ and \"quotes\".", labels: ["method", "path"], in: registry)
        requests.add(3, ["POST", "/a\"b\\c\nd"])
        requests.add(1, ["GET", "/"])
        Gauge("temperature", "Now.", in: registry).set(-2.5)
        let seconds = Histogram("wait_seconds", "Waits.", bounds: [0.1, 1, 10], labels: ["queue"], in: registry)
        for value in [0.05, 0.1, 0.5, 20] { seconds.observe(value, ["clicks"]) }
        #expect(
            text(registry) == """
                # HELP http_requests_total Requests.\\nWith \\\\ and "quotes".
                # TYPE http_requests_total counter
                http_requests_total{method="GET",path="/"} 1
                http_requests_total{method="POST",path="/a\\"b\\\\c\\nd"} 3
                # HELP temperature Now.
                # TYPE temperature gauge
                temperature -2.5
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{queue="clicks",le="0.1"} 2
                wait_seconds_bucket{queue="clicks",le="1"} 3
                wait_seconds_bucket{queue="clicks",le="10"} 3
                wait_seconds_bucket{queue="clicks",le="+Inf"} 4
                wait_seconds_sum{queue="clicks"} 20.65
                wait_seconds_count{queue="clicks"} 4

                """)
    }

    @Loop @Test func aMetricWithoutLabelsIsThereBeforeItsFirstEvent() {
        let registry = Metrics()
        _ = Counter("jobs_total", "Jobs.", in: registry)
        #expect(text(registry).hasSuffix("jobs_total 0\n"))
    }

    @Loop @Test func theSameMetricDeclaredTwiceIsOne() {
        let registry = Metrics()
        Counter("jobs_total", "Jobs.", in: registry).add()
        Counter("jobs_total", "Jobs.", in: registry).add()
        #expect(Counter("jobs_total", "Jobs.", in: registry).series().value == 2)
    }

    @Loop @Test func labelsThatGrowWithoutBoundFoldIntoOneSeries() {
        let registry = Metrics()
        let counter = Counter("jobs_total", "Jobs.", labels: ["id"], in: registry)
        for index in 0..<(Metrics.seriesMax + 100) { counter.add(1, ["\(index)"]) }
        let lines = text(registry).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == Metrics.seriesMax + 1)
        #expect(lines.contains("jobs_total{id=\"other\"} 100"))
    }

    @Loop @Test func gaugesAreReadBeforeEachRendering() {
        let registry = Metrics()
        let gauge = Gauge("depth", "Depth.", in: registry)
        let depth = Held(7)
        registry.beforeRendering { gauge.set(depth.value) }
        #expect(text(registry).hasSuffix("depth 7\n"))
        depth.value = 8
        #expect(text(registry).hasSuffix("depth 8\n"))
    }

    @Loop @Test func theProcessKnowsItself() {
        let registry = Metrics()
        ProcessMetrics.install(in: registry)
        func value(_ name: String) -> Double? {
            text(registry).split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap {
                Double($0.split(separator: " ")[1])
            }
        }
        #expect(value("process_resident_memory_bytes").map { $0 > 1_000_000 } == true)
        #expect(value("process_cpu_seconds_total").map { $0 > 0 } == true)
        #expect(value("process_open_fds").map { $0 >= 3 } == true)
        #expect(value("process_max_fds").map { $0 >= 3 } == true)
    }

    @Test(
        arguments: [
            (0, "0"), (1.5, "1.5"), (-3, "-3"), (1e15, "1000000000000000"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"), (1e21, "1e+21"), (0.00025, "0.00025"),
        ] as [(Double, String)])
    func numbersAreWrittenAsPrometheusReadsThem(_ value: Double, _ expected: String) {
        #expect(PrometheusText.number(value) == expected)
    }
}
