import Core
import JobQueue

/// What `watch` knows: the last look at the queues and the workers, and how fast queues moved in the last minute. Pure.
struct WatchModel {
    struct Alert: Hashable {
        let text: String
        let style: TextStyle
    }

    /// One queue's past.
    private struct Past {
        /// Completed jobs a second, in tenths; the newest last.
        var completed: [Int64] = []
        /// Jobs that had died by each of these looks.
        var died: [Int] = []
    }

    /// Between two looks.
    let interval: Duration
    private(set) var depths: [QueueDepth] = []
    var workers: WorkersLook?
    /// Why the last look failed, and when looks began to fail; the rest is what was seen before.
    private(set) var failure: (text: String, since: EpochMilliseconds)?
    private var pasts: [QueueName: Past] = [:]

    /// How far back the past goes.
    static let span = Duration.seconds(60)
    /// A job that waits longer than this is told of.
    static let oldAge = Duration.seconds(60)

    init(interval: Duration) { self.interval = interval }

    private var looksMax: Int { max(2, Int(Self.span.milliseconds / max(1, interval.milliseconds))) }

    mutating func take(_ looked: [QueueDepth]) {
        failure = nil
        let before = depths
        depths = looked.map { depth in before.first { $0.name == depth.name }.map(depth.since) ?? depth }
        for depth in depths {
            var past = pasts[depth.name] ?? Past()
            if let rates = depth.rates { past.completed.append(rates.completed) }
            past.died.append(depth.sum.diedTotal)
            past.completed = past.completed.suffix(looksMax)
            // One more: the count before the first of the minute's looks.
            past.died = past.died.suffix(looksMax + 1)
            pasts[depth.name] = past
        }
    }

    mutating func fail(_ text: String, at now: EpochMilliseconds) { failure = (text, failure?.since ?? now) }

    /// Completed jobs a second in the last minute, the newest last.
    func completedLately(_ queue: QueueName) -> [Int64] { pasts[queue]?.completed ?? [] }

    func diedLately(_ queue: QueueName) -> Int {
        guard let died = pasts[queue]?.died, let first = died.first, let last = died.last else { return 0 }
        return max(0, last - first)
    }

    // MARK: Alerts

    /// What wants a person's eye, the worst first.
    func alerts(now: EpochMilliseconds) -> [Alert] {
        var alerts: [Alert] = []
        if let failure {
            let time = now.since(failure.since).words
            alerts.append(Alert(text: "no look for \(time), what follows is old: \(failure.text)", style: .bad))
        }
        for depth in depths { alerts += deaths(depth) }
        if let gone = workers?.count(.gone), gone > 0 {
            alerts.append(
                Alert(text: "\(gone.counted("worker")) ended with jobs in hand: they run again soon", style: .bad))
        }
        for depth in depths { alerts += waits(depth) }
        return alerts.filter { $0.style == .bad } + alerts.filter { $0.style != .bad }
    }

    private func deaths(_ depth: QueueDepth) -> [Alert] {
        guard depth.sum.dead > 0 else { return [] }
        let lately = diedLately(depth.name)
        let more = lately > 0 ? ", \(lately.grouped) of them died in the last minute" : ""
        return [
            Alert(
                text:
                    "\(depth.name.rawValue): \(depth.sum.dead.counted("dead letter"))\(more): tributary dead list --queue \(depth.name.rawValue)",
                style: lately > 0 ? .bad : .notice)
        ]
    }

    private func waits(_ depth: QueueDepth) -> [Alert] {
        let name = depth.name.rawValue
        var alerts: [Alert] = []
        if depth.stats.isPaused { alerts.append(Alert(text: "\(name) is paused", style: .notice)) }
        if let max = depth.lengthMax, depth.length >= max {
            alerts.append(Alert(text: "\(name) is full: producers are refused beyond \(max.grouped) jobs", style: .bad))
        }
        if depth.ready > 0, !depth.stats.isPaused, workers?.hasWorker(of: depth.name) == false {
            alerts.append(Alert(text: "\(name): jobs wait, and no worker is there", style: .bad))
        } else if let age = depth.sum.oldestReadyAge, age >= Self.oldAge {
            alerts.append(Alert(text: "\(name): a job has waited for \(age.words)", style: .notice))
        }
        if depth.sum.suspects > 0 {
            let count = depth.sum.suspects.counted("job")
            alerts.append(Alert(text: "\(name): \(count) to run alone, since a worker ended", style: .notice))
        }
        return alerts
    }

    // MARK: For programs

    func json(now: EpochMilliseconds) -> JSON {
        return [
            "at": .string(now.rfc3339), "queues": .array(depths.map(\.json)),
            "workers": workers.map { workers in
                .object(JSONObject(WorkersLook.State.allCases.map { ($0.rawValue, JSON(integer: workers.count($0))) }))
            } ?? .null,
            "alerts": .array(alerts(now: now).map { .string($0.text) }),
        ]
    }
}

/// A row of bars, one a value.
enum Sparkline {
    private static let bars = Array("▁▂▃▄▅▆▇█")

    /// - Parameters:
    ///   - values: the newest last; the highest bar is the largest of them.
    ///   - width: columns; more values than these are joined by their mean.
    static func text(_ values: [Int64], width: Int) -> String {
        guard width > 0, !values.isEmpty else { return "" }
        let size = (values.count + width - 1) / width
        // From the newest back, so that a bar keeps its values until the next whole one comes.
        var means: [Int64] = []
        var end = values.count
        while end > 0 {
            let part = values[max(0, end - size)..<end]
            means.append(part.reduce(0, +) / Int64(part.count))
            end -= size
        }
        means.reverse()
        let top = max(1, means.max() ?? 1)
        return String(
            means.map { mean in
                // What is not nothing shows.
                mean <= 0 ? bars[0] : bars[min(bars.count - 1, 1 + Int(mean * Int64(bars.count - 2) / top))]
            })
    }
}
