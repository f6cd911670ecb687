import Core
import JobQueue

/// One picture of `watch`, fitted to a terminal, or whole where there is none.
struct WatchFrame {
    let model: WatchModel
    let now: EpochMilliseconds
    /// Where jobs are, in words.
    let place: String
    /// The queue that keys act on; `nil` where nobody can press any.
    var selected: QueueName?
    /// A question or an answer to a key, instead of the keys' list.
    var prompt: StyledLine?

    private static let sparklineWidth = 30
    /// Narrower than its heading, it says nothing.
    private static let sparklineWidthMin = 11
    private static let keys = "q quit   ↑ ↓ select   p pause or resume"

    /// - Parameter size: of the terminal; the last line of it stays for the keys.
    func lines(size: (columns: Int, rows: Int)?) -> [StyledLine] {
        var lines = [heading(columns: size?.columns), ""]
        lines += table(columns: size?.columns).lines(columns: size?.columns)
        let alerts = model.alerts(now: now)
        if !alerts.isEmpty {
            lines += ["", "\("Alerts", .bold)"] + alerts.map { "  \($0.text, $0.style)" }
        }
        if let workers = model.workers { lines += self.lines(of: workers, columns: size?.columns) }
        guard let size else { return lines }
        let room = max(1, size.rows - 1)
        if lines.count > room {
            let left = lines.count - room + 1
            lines = Array(lines.prefix(max(0, room - 1)))
            lines.append("\("… \(left.counted("more line"))", .dim)")
        }
        lines += Array(repeating: "", count: room - lines.count)
        lines.append(prompt ?? StyledLine(Self.keys, .dim))
        return lines.prefix(size.rows).map { $0.cut(to: size.columns) }
    }

    private func heading(columns: Int?) -> StyledLine {
        var line: StyledLine = "\("tributary watch", .bold)  \(now.shown)  each \(model.interval.words)"
        let gap = columns.map { $0 - line.width - place.terminalWidth } ?? 2
        // Without it where it would stand in the way.
        if gap >= 2 { line.append(String(repeating: " ", count: gap) + place, .dim) }
        return line
    }

    /// The queues, with as much of the last minute as there is room for.
    private func table(columns: Int?) -> Table {
        var table = table
        let width = table.lines(columns: columns).map(\.width).max() ?? 0
        let room = min(Self.sparklineWidth, (columns ?? .max) - width - 2)
        guard room >= Self.sparklineWidthMin else { return table }
        table.columns.append(.init(heading: "last minute"))
        for (index, depth) in model.depths.enumerated() {
            let past = Sparkline.text(model.completedLately(depth.name), width: room)
            table.rows[index].append(StyledLine(past, .good))
        }
        return table
    }

    private var table: Table {
        func number(_ heading: String, isDroppable: Bool = false) -> Table.Column {
            Table.Column(heading: heading, isRight: true, isDroppable: isDroppable)
        }
        var table = Table(columns: [
            .init(heading: "  queue"), number("ready"), number("held", isDroppable: true), number("scheduled"),
            number("leased"), number("dead"), number("oldest"), number("in/s"), number("out/s"),
            number("failed/s", isDroppable: true),
        ])
        table.rows = model.depths.map(row)
        return table
    }

    private func row(_ depth: QueueDepth) -> [StyledLine] {
        let sum = depth.sum
        func count(_ number: Int, _ style: TextStyle = .plain) -> StyledLine {
            StyledLine(number.grouped, number == 0 ? .dim : style)
        }
        func rate(_ tenths: Int64?, _ style: TextStyle = .plain) -> StyledLine {
            tenths.map { StyledLine(QueueRates.shown($0), $0 == 0 ? .dim : style) } ?? "-"
        }
        let isSelected = depth.name == selected
        let age = sum.oldestReadyAge
        let isOld = age.map { $0 >= WatchModel.oldAge } ?? false
        return [
            "\(isSelected ? "› " : "  ")\(depth.name.rawValue, isSelected ? .bold : .plain)\(depth.stats.isPaused ? " (paused)" : "", .notice)",
            count(depth.ready), count(sum.heldBack), count(sum.scheduled), count(sum.leased), count(sum.dead, .bad),
            StyledLine(age?.words ?? "-", isOld ? .notice : age == nil ? .dim : .plain), rate(depth.rates?.enqueued),
            rate(depth.rates?.completed), rate(depth.rates?.failed, .notice),
        ]
    }

    private func lines(of workers: WorkersLook, columns: Int?) -> [StyledLine] {
        let counts = WorkersLook.State.allCases.compactMap { state in
            workers.count(state) > 0 ? "\(workers.count(state).grouped) \(state.rawValue)" : nil
        }
        let text = counts.isEmpty ? "none is connected" : counts.joined(separator: ", ")
        let title: StyledLine = "\("Workers", .bold): \(text)"
        guard !workers.processes.isEmpty else { return ["", title] }
        var table = workers.table
        table.indent = 2
        return ["", title] + table.lines(columns: columns)
    }
}
