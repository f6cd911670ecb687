import Core
package import EventLoop
import Fleet
import JobQueue
import Redis
import Telemetry

@Loop private let sweptSteps = Counter(
    "sweep_enqueued_total", "Owed steps that no queue held and the sweep enqueued again.", labels: ["what"])
@Loop private let endedSteps = Counter(
    "sweep_ended_total", "Owed steps whose job had ended without its row knowing, and whose row was told by the sweep.",
    labels: ["what"])

/// Runs ``OwedWork`` again and again: what a crash, a full queue or lost data took out of the queues comes back.
@Loop
package final class Sweep: FleetService {
    package let name = "sweep"
    nonisolated private static let alertLookInterval = Duration.seconds(600)
    private let work: OwedWork
    private let interval: Duration
    private let age: Duration
    private let alerts: OperatorAlerts?
    private var nextAlertLook: Int64 = 0
    /// The runs of masters whose files were written anew, by whomever.
    private var renewedRunIDs: Set<String> = []
    private let log = Log(component: "sweep")
    private var task: Task<Void, Never>?

    /// - Parameters:
    ///   - interval: between two sweeps. Default 10 s.
    ///   - age: how long a row has to be due before it counts as lost. Default 30 s.
    ///   - alerts: looks for orders that wait too long, every ten minutes; nobody does by default.
    package init(
        _ work: OwedWork, interval: Duration = .seconds(10), age: Duration = .seconds(30),
        alerts: OperatorAlerts? = nil
    ) {
        self.work = work
        self.alerts = alerts
        self.interval = interval
        self.age = age
    }

    package func start() {
        task = Task { @Loop in
            while !Task.isCancelled {
                do {
                    try await Loop.sleep(for: interval)  // the pause between sweeps: a timer, which quiet() ends
                    await renewRedisFiles()
                    report(try await work.enqueueDue(olderThan: age))
                    try await lookForParkedOrders()
                } catch is CancellationError {
                    return
                } catch {
                    log.warning("sweep failed", ["error": .error(error)])
                }
            }
        }
    }

    private func renewRedisFiles() async {
        let queue = work.queue
        let runIDs = queue.connection.masterRunIDs
        guard !runIDs.isSubset(of: renewedRunIDs) else { return }
        do throws(QueueError) {
            let count = try await queue.renewAppendOnlyFiles()
            if count > 0 {
                log.info("Redis writes its append-only file anew after its start", ["redis.masters": .int(count)])
            }
            renewedRunIDs = runIDs
        } catch {
            // A managed Redis may forbid it: once is enough to say so.
            if !error.isUnreachableStore { renewedRunIDs = runIDs }
            log.warning("Redis' append-only file was not written anew", ["error": .error(error)])
        }
    }

    /// What is owed to the operators then is enqueued by the next sweep.
    private func lookForParkedOrders() async throws {
        guard let alerts, Loop.monotonicMilliseconds >= nextAlertLook else { return }
        _ = try await alerts.parkedOrders()
        nextAlertLook = Loop.monotonicMilliseconds + Self.alertLookInterval.milliseconds
    }

    private func report(_ report: OwedWork.Report) {
        for (what, count) in report.added { sweptSteps.add(count, [what]) }
        for (what, count) in report.stuck where count > 0 {
            endedSteps.add(count, [what])
            log.error(
                "jobs had ended and their rows did not know", ["sweep.what": .string(what), "jobs.count": .int(count)])
        }
        guard report.addedTotal > 0 else { return }
        log.info("owed steps were enqueued again", ["sweep.added": .int(report.addedTotal)])
    }

    package func quiet() { task?.cancel() }

    package func drain() async { await task?.value }

    package func stop() async {}
}
