package import EventLoop

/// A number that only grows. Its name ends in `_total`.
@Loop
package struct Counter {
    /// One series of a counter; hold it on a hot path.
    @Loop
    package final class Series: MetricCell {
        package private(set) var value: Double = 0

        init(bounds: [Double]) {}

        /// - Parameter amount: zero or more; a negative amount is a bug of ours and traps.
        package func add(_ amount: Int = 1) { add(Double(amount)) }

        package func add(_ amount: Double) {
            precondition(amount >= 0, "a counter cannot fall")
            value += amount
        }

        func render(into text: inout PrometheusText, name: String, labels: [(name: String, value: String)]) {
            text.sample(name: name, labels: labels, value: value)
        }
    }

    private let family: MetricFamily<Series>

    package init(_ name: String, _ help: String, labels: [String] = [], in registry: Metrics = .shared) {
        precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
        family = registry.family(name, help: help, type: "counter", labels: labels)
    }

    /// The series of these label values, in the order of the declared labels.
    package func series(_ labels: [String] = []) -> Series { family.cell(labels) }

    package func add(_ amount: Int = 1, _ labels: [String] = []) { family.cell(labels).add(amount) }
}
