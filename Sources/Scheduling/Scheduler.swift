import Bookkeeping
package import Core
package import EventLoop
import Fleet
package import JobQueue
package import Postgres
package import Telemetry

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
    /// Rows of a schedule that stay in `schedule_runs`.
    nonisolated package static let historyMax = 10_000
    /// Timers of the host may be a little early.
    nonisolated private static let waitMin = Duration.milliseconds(10)
    nonisolated private static let failureWait = Duration.seconds(1)
    /// Slots that a process fires between two looks at the length of a schedule's history.
    nonisolated private static let historySlack = 1_000

    private let schedules: [Schedule]
    private let book: SlotBook
    private let owed: OwedSlots
    private let queue: JobQueue
    private let log: Log
    /// Slots to fire until a schedule's history is looked at; at first none.
    private var historyLeft: [String: Int] = [:]
    private var task: Task<Void, Never>?

    /// - Parameters:
    ///   - testClock: tests only: PostgreSQL's clock, in place of the one it has.
    ///   - log: where it says what it does; the process's own by default.
    package init(
        schedules: [Schedule], pool: PostgresPool, queue: JobQueue,
        testClock: (@Loop () -> EpochMilliseconds)? = nil, log: Log = Log(component: "scheduler")
    ) {
        self.log = log
        self.schedules = schedules
        self.queue = queue
        book = SlotBook(pool: pool, testClock: testClock)
        owed = OwedSlots(book: book, queue: queue)
    }

    package func start() {
        task = Task { @Loop in
            while !Task.isCancelled {
                let wait = await round()
                do { try await Loop.sleep(for: wait) } catch { return }  // Only a cancellation ends a sleep early.
            }
        }
    }

    /// Looks at each schedule once and fires what is due, then enqueues what fired slots owe.
    ///
    /// - Returns: the time until the next look.
    package func round() async -> Duration {
        // An instant of the host's own clock: a schedule's wait runs while the others are looked at.
        var wakeUp = Loop.monotonicMilliseconds + Self.waitMax.milliseconds
        func wake(in wait: Duration) { wakeUp = min(wakeUp, Loop.monotonicMilliseconds + wait.milliseconds) }
        func left() -> Duration { max(Self.waitMin, .milliseconds(wakeUp - Loop.monotonicMilliseconds)) }
        for schedule in schedules {
            do {
                let standing = try await book.standing(of: schedule)
                let seenAt = Loop.monotonicMilliseconds
                pausedSchedules.set(standing.pausedSince == nil ? 0 : 1, [schedule.name])
                // That it goes on is learned with the next look, ``waitMax`` later at most.
                guard standing.pausedSince == nil else { continue }
                try await fireDue(of: schedule, standing)
                if let next = schedule.nextSlot(after: standing.clock) {
                    wakeUp = min(wakeUp, seenAt + next.instant.since(standing.clock).milliseconds)
                }
            } catch is CancellationError {
                return left()
            } catch {
                wake(in: failed(schedule.name, error))
            }
        }
        do {
            if try await !owed.enqueue() { wake(in: Self.failureWait * Double.random(in: 0.5...1.5)) }
        } catch is CancellationError {
            return left()
        } catch {
            wake(in: failed("owed jobs", error))
        }
        return left()
    }

    private func failed(_ what: String, _ error: any Error) -> Duration {
        failedRounds.add(1, [what])
        log.warning("schedule failed", ["schedule": .string(what), "error": .error(error)])
        return Self.failureWait * Double.random(in: 0.5...1.5)
    }

    private func fireDue(of schedule: Schedule, _ standing: SlotBook.Standing) async throws {
        let due = schedule.dueSlots(after: standing.last, at: standing.clock)
        // Those that are left out by a policy which says so are no news.
        if schedule.missed == .all, let first = due.first, let oldest = schedule.nextSlot(after: standing.last),
            oldest.instant < first.instant
        {
            log.warning(
                "only the newest of the missed slots fire",
                ["schedule": .string(schedule.name), "schedule.slots": .int(due.count)])
        }
        for slot in due {
            try Task.checkCancellation()
            guard let fired = try await book.fire(slot, of: schedule) else { continue }
            firedSlots.add(1, [schedule.name])
            historyLeft[schedule.name, default: 0] -= 1
            log.info(
                "slot fired",
                [
                    "schedule": .string(schedule.name), "schedule.slot": .string(slot.instant.rfc3339),
                    "batch.date": .string(slot.date.description), "schedule.owes": .string(fired.description),
                    "schedule.late_ms": .milliseconds(standing.clock.since(slot.instant)),
                ])
            if case .run(let runID) = fired { await enqueue(runID) }
        }
        if historyLeft[schedule.name, default: 0] <= 0 {
            try await book.forget(schedule, beyond: Self.historyMax)
            historyLeft[schedule.name] = Self.historySlack
        }
    }

    /// A hint: the run is owed by its row.
    private func enqueue(_ runID: UUID) async {
        do {
            _ = try await queue.enqueueFollowUps([.batch(runID)])
        } catch {
            log.warning(
                "run was left to the sweep", ["batch.run": .string(runID.description), "error": .error(error)])
        }
    }

    package func quiet() { task?.cancel() }

    package func drain() async { await task?.value }

    package func stop() async {}
}
