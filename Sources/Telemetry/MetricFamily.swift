import EventLoop

/// Where one series keeps its numbers.
@Loop protocol MetricCell: AnyObject {
    init(bounds: [Double])
    /// Appends the series' sample lines.
    func render(into text: inout PrometheusText, name: String, labels: [(name: String, value: String)])
}

/// A metric of any type, as the registry keeps it.
@Loop protocol AnyMetricFamily: AnyObject {
    var name: String { get }
    func render(into text: inout PrometheusText)
}

/// One metric: its name, help, label names and the series seen so far.
@Loop
final class MetricFamily<Cell: MetricCell>: AnyMetricFamily {
    let name: String
    let help: String
    let type: String
    let labelNames: [String]
    let bounds: [Double]
    private var cells: [[String]: Cell] = [:]
    private let overflowed: @Loop (String) -> Void

    init(
        name: String, help: String, type: String, labelNames: [String], bounds: [Double],
        overflowed: @escaping @Loop (String) -> Void
    ) {
        self.name = name
        self.help = help
        self.type = type
        self.labelNames = labelNames
        self.bounds = bounds
        self.overflowed = overflowed
        if labelNames.isEmpty { _ = cell([]) }
    }

    /// The series of these label values; all share the one called `other` when ``Metrics/seriesMax`` is reached.
    func cell(_ values: [String]) -> Cell {
        precondition(
            values.count == labelNames.count, "\(name) has the labels \(labelNames), not \(values.count) values")
        if let cell = cells[values] { return cell }
        var key = values
        if cells.count >= Metrics.seriesMax {
            overflowed(name)
            key = [String](repeating: "other", count: values.count)
            if let cell = cells[key] { return cell }
        }
        let cell = Cell(bounds: bounds)
        cells[key] = cell
        return cell
    }

    func render(into text: inout PrometheusText) {
        text.header(name: name, help: help, type: type)
        for (values, cell) in cells.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            cell.render(into: &text, name: name, labels: zip(labelNames, values).map { (name: $0, value: $1) })
        }
    }
}
