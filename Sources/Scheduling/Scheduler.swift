import Bookkeeping
import Core
package import EventLoop
import Fleet
package import JobQueue
package import Postgres
import Telemetry

@Loop private let firedSlots = Counter(
    "schedule_slots_fired_total", "Slots this process fired.", labels: ["schedule"])
@Loop private let failedRounds = Counter(
    "schedule_rounds_failed_total", "Looks at a schedule that failed; the next comes soon.", labels: ["schedule"])
@Loop private let pausedSchedules = Gauge(
    "schedule_paused", "1 while an operator keeps a schedule from firing.", labels: ["schedule"])

/// Fires each slot of its schedules once, however many schedulers run.
///
/// The clock is PostgreSQL's alone; the host's only measures how long to wait until the next look, and no wait is longer than
/// a minute. No scheduler leads: whoever inserts the slot's row has fired it.
@Loop
package final class Scheduler: FleetService {
    package let name = "scheduler"

    /// The longest time without a look at PostgreSQL's clock, for clocks that are set and machines that slept.
    nonisolated package static let waitMax = Duration.seconds(60)
    /// Timers of the host may be a little early.
    nonisolated private static let waitMin = Duration.milliseconds(10)
    nonisolated private static let failureWait = Duration.seconds(1)

    /// A schedule names a batch that nobody carries out.
    package struct UnknownBatch: Error, CustomStringConvertible {
        package let description: String
    }

    private let schedules: [Schedule]
    private let book: SlotBook
    private let queue: JobQueue
    private let log = Log(component: "scheduler")
    private var task: Task<Void, Never>?

    package init(schedules: [Schedule], pool: PostgresPool, queue: JobQueue) throws(UnknownBatch) {
        for schedule in schedules where schedule.batch != ConfirmationRun.batch {
            throw UnknownBatch(description: "schedule \(schedule.name): there is no batch \(schedule.batch)")
        }
        self.schedules = schedules
        self.queue = queue
        book = SlotBook(pool: pool)
    }

    package func start() {
        task = Task { @Loop in
            while !Task.isCancelled {
                let wait = await round()
                do { try await Loop.sleep(for: wait) } catch { return }  // Only a cancellation ends a sleep early.
            }
        }
    }

    /// Looks at each schedule once and fires what is due.
    ///
    /// - Returns: the time until the next look.
    package func round() async -> Duration {
        var wait = Self.waitMax
        for schedule in schedules {
            do {
                let standing = try await book.standing(of: schedule)
                pausedSchedules.set(standing.pausedSince == nil ? 0 : 1, [schedule.name])
                // That it goes on is learned with the next look, ``waitMax`` later at most.
                guard standing.pausedSince == nil else { continue }
                try await fireDue(of: schedule, standing)
                if let next = schedule.nextSlot(after: standing.clock) {
                    wait = min(wait, max(Self.waitMin, next.instant.since(standing.clock)))
                }
            } catch is CancellationError {
                return wait
            } catch {
                failedRounds.add(1, [schedule.name])
                log.warning("schedule failed", ["schedule": .string(schedule.name), "error": .error(error)])
                wait = min(wait, Self.failureWait * Double.random(in: 0.5...1.5))
            }
        }
        return wait
    }

    private func fireDue(of schedule: Schedule, _ standing: SlotBook.Standing) async throws {
        let due = schedule.dueSlots(after: standing.last, at: standing.clock)
        if due.count == Schedule.missedMax {
            log.warning(
                "only the newest of the missed slots fire",
                ["schedule": .string(schedule.name), "schedule.slots": .int(due.count)])
        }
        for slot in due {
            try Task.checkCancellation()
            guard let runID = try await book.fire(slot, of: schedule) else { continue }
            firedSlots.add(1, [schedule.name])
            log.info(
                "slot fired",
                [
                    "schedule": .string(schedule.name), "schedule.slot": .string(slot.instant.rfc3339),
                    "batch.date": .string(slot.date.description), "batch.run": .string(runID.description),
                    "schedule.late_ms": .milliseconds(standing.clock.since(slot.instant)),
                ])
            await enqueue(runID)
        }
    }

    /// A hint: the run is owed by its row.
    private func enqueue(_ runID: UUID) async {
        do {
            _ = try await queue.enqueue(.batch(runID))
        } catch {
            log.warning(
                "run was left to the sweep", ["batch.run": .string(runID.description), "error": .error(error)])
        }
    }

    package func quiet() { task?.cancel() }

    package func drain() async { await task?.value }

    package func stop() async {}
}
