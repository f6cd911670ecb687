package import EventLoop

/// A number that rises and falls.
@Loop
package struct Gauge {
    /// One series of a gauge; hold it on a hot path.
    @Loop
    package final class Series: MetricCell {
        package private(set) var value: Double = 0

        init(bounds: [Double]) {}

        package func set(_ value: Double) { self.value = value }
        package func set(_ value: Int) { self.value = Double(value) }
        package func add(_ amount: Int) { value += Double(amount) }

        func render(into text: inout PrometheusText, name: String, labels: [(name: String, value: String)]) {
            text.sample(name: name, labels: labels, value: value)
        }
    }

    private let family: MetricFamily<Series>

    package init(_ name: String, _ help: String, labels: [String] = [], in registry: Metrics = .shared) {
        family = registry.family(name, help: help, type: "gauge", labels: labels)
    }

    /// The series of these label values, in the order of the declared labels.
    package func series(_ labels: [String] = []) -> Series { family.cell(labels) }

    package func set(_ value: Double, _ labels: [String] = []) { family.cell(labels).set(value) }
    package func set(_ value: Int, _ labels: [String] = []) { family.cell(labels).set(value) }
    package func add(_ amount: Int, _ labels: [String] = []) { family.cell(labels).add(amount) }
}
