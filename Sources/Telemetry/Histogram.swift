package import EventLoop

/// Observations counted in fixed buckets. Its name carries the unit, such as `_seconds` or `_jobs`.
@Loop
package struct Histogram {
    /// One series of a histogram; hold it on a hot path.
    @Loop
    package final class Series: MetricCell {
        package private(set) var count: Int = 0
        package private(set) var sum: Double = 0
        private let bounds: [Double]
        private var counts: [Int]

        init(bounds: [Double]) {
            self.bounds = bounds
            counts = [Int](repeating: 0, count: bounds.count)
        }

        /// A value that is not a number is refused by a trap: it would spoil the sum for ever.
        package func observe(_ value: Double) {
            precondition(!value.isNaN, "a histogram cannot observe NaN")
            count += 1
            sum += value
            // A bucket holds what is less than or equal to its bound. A dozen bounds: a search from below is the fastest.
            if let index = bounds.firstIndex(where: { value <= $0 }) { counts[index] += 1 }
        }

        package func observe(_ value: Int) { observe(Double(value)) }

        /// In seconds.
        package func observe(_ duration: Duration) {
            let (seconds, attoseconds) = duration.components
            observe(Double(seconds) + Double(attoseconds) / 1e18)
        }

        func render(into text: inout PrometheusText, name: String, labels: [(name: String, value: String)]) {
            var cumulative = 0
            for (bound, count) in zip(bounds, counts) {
                cumulative += count
                text.sample(
                    name: name + "_bucket", labels: labels + [(name: "le", value: PrometheusText.number(bound))],
                    value: Double(cumulative))
            }
            text.sample(name: name + "_bucket", labels: labels + [(name: "le", value: "+Inf")], value: Double(count))
            text.sample(name: name + "_sum", labels: labels, value: sum)
            text.sample(name: name + "_count", labels: labels, value: Double(count))
        }
    }

    /// Bounds for times of work on this machine, in seconds: 0.5 ms to 10 s.
    nonisolated package static let secondsBounds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Bounds for numbers of things in a batch.
    nonisolated package static let countBounds: [Double] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000]

    private let family: MetricFamily<Series>

    /// - Parameter bounds: upper bounds of the buckets, inclusive and growing; `+Inf` is added.
    package init(
        _ name: String, _ help: String, bounds: [Double] = Histogram.secondsBounds, labels: [String] = [],
        in registry: Metrics = .shared
    ) {
        precondition(bounds.allSatisfy { $0.isFinite }, "the bucket +Inf of \(name) is added by itself")
        family = registry.family(name, help: help, type: "histogram", labels: labels, bounds: bounds)
    }

    /// The series of these label values, in the order of the declared labels.
    package func series(_ labels: [String] = []) -> Series { family.cell(labels) }

    package func observe(_ value: Double, _ labels: [String] = []) { family.cell(labels).observe(value) }
    package func observe(_ value: Int, _ labels: [String] = []) { family.cell(labels).observe(value) }
    /// In seconds.
    package func observe(_ duration: Duration, _ labels: [String] = []) { family.cell(labels).observe(duration) }
}
