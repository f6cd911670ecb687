package import EventLoop

/// Named conditions of a process, as `/health/live` and `/health/ready` answer them.
///
/// *Live* fails only for what a restart would mend. *Ready* fails while the process should get no work: a store that does
/// not answer, a directory that is not loaded, a drain.
@Loop
package final class HealthChecks {
    /// Which question a condition belongs to.
    package enum Probe: String, Sendable { case live, ready }

    /// How a condition is. The worst of all is the state of the whole.
    package enum Condition: Sendable, Equatable {
        case healthy
        /// Works, but should be looked at; the probe still succeeds.
        case warning(String)
        case failing(String)
    }

    private var conditions: [(name: String, probe: Probe, check: @Loop () -> Condition)] = []

    package init() {}

    /// Adds a condition, asked at each probe; it must not block. A known name is replaced.
    package func add(_ name: String, _ probe: Probe = .ready, check: @escaping @Loop () -> Condition) {
        remove(name)
        conditions.append((name, probe, check))
    }

    /// Adds or changes a condition that is told rather than asked.
    package func set(_ name: String, _ condition: Condition, _ probe: Probe = .ready) {
        add(name, probe) { condition }
    }

    package func remove(_ name: String) { conditions.removeAll { $0.name == name } }

    /// Asks all conditions of a probe.
    package func report(_ probe: Probe) -> HealthReport {
        HealthReport(conditions: conditions.filter { $0.probe == probe }.map { ($0.name, $0.check()) })
    }
}

/// The answer to a probe.
package struct HealthReport: Sendable {
    package let conditions: [(name: String, condition: HealthChecks.Condition)]

    /// False when a condition fails: the HTTP status is 503 then.
    package var isHealthy: Bool {
        conditions.allSatisfy { if case .failing = $0.condition { false } else { true } }
    }

    /// `healthy`, `warning` or `error`: the worst of the conditions.
    package var status: String {
        if !isHealthy { return "error" }
        return conditions.allSatisfy { $0.condition == .healthy } ? "healthy" : "warning"
    }

    /// `{"status":"error","conditions":{"redis":{"status":"error","reason":"…"},…}}`.
    package var body: [UInt8] {
        var text = JSONText()
        text.raw("{\"status\":")
        text.string(status)
        text.raw(",\"conditions\":{")
        for (index, (name, condition)) in conditions.enumerated() {
            if index > 0 { text.raw(",") }
            text.string(name)
            switch condition {
            case .healthy: text.raw(":{\"status\":\"healthy\"}")
            case .warning(let reason): reasoned("warning", reason, into: &text)
            case .failing(let reason): reasoned("error", reason, into: &text)
            }
        }
        text.raw("}}")
        return text.bytes
    }

    private func reasoned(_ status: StaticString, _ reason: String, into text: inout JSONText) {
        text.raw(":{\"status\":\"")
        text.raw(status)
        text.raw("\",\"reason\":")
        text.string(reason, bytesMax: 500)
        text.raw("}")
    }
}
