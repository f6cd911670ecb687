package import EventLoop
import Fleet
import Telemetry

@Loop private let sweptSteps = Counter(
    "sweep_enqueued_total", "Owed steps that no queue held and the sweep enqueued again.", labels: ["what"])
@Loop private let stuckSteps = Gauge(
    "sweep_stuck_steps", "Owed steps whose job is dead or quarantined at the last sweep.", labels: ["what"])

/// Runs ``OwedWork`` again and again: what a crash, a full queue or lost data took out of the queues comes back.
@Loop
package final class Sweep: FleetService {
    package let name = "sweep"
    private let work: OwedWork
    private let interval: Duration
    private let age: Duration
    private let log = Log(component: "sweep")
    private var task: Task<Void, Never>?

    /// - Parameters:
    ///   - interval: between two sweeps. Default 10 s.
    ///   - age: how long a row has to be due before it counts as lost. Default 30 s.
    package init(_ work: OwedWork, interval: Duration = .seconds(10), age: Duration = .seconds(30)) {
        self.work = work
        self.interval = interval
        self.age = age
    }

    package func start() {
        task = Task { @Loop in
            while !Task.isCancelled {
                do {
                    try await Loop.sleep(for: interval)
                    report(try await work.enqueueDue(olderThan: age))
                } catch is CancellationError {
                    return
                } catch {
                    log.warning("sweep failed", ["error": .error(error)])
                }
            }
        }
    }

    private func report(_ report: OwedWork.Report) {
        for (what, count) in report.added { sweptSteps.add(count, [what]) }
        for what in report.found.keys { stuckSteps.set(Double(report.stuck[what] ?? 0), [what]) }
        guard report.addedTotal > 0 else { return }
        log.info("owed steps were enqueued again", ["sweep.added": .int(report.addedTotal)])
    }

    package func quiet() { task?.cancel() }

    package func drain() async { await task?.value }

    package func stop() async {}
}
