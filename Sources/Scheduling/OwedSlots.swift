import Core
import EventLoop
import JobQueue
import Telemetry

@Loop private let owedFailures = Counter(
    "schedule_owed_failed_total", "Jobs of slots that could not be enqueued; they are tried again soon.",
    labels: ["schedule"])

/// Enqueues the jobs that slots owe: those of this moment, and those of schedulers that died or lost Redis in between.
///
/// Any number of processes may do so at once. A schedule's slots are enqueued in their order, each once
/// (``JobQueue/enqueue(_:ofSlot:of:)``).
@Loop
struct OwedSlots {
    /// Rows read at a time.
    nonisolated private static let sliceMax = 200
    /// After every slot there is.
    nonisolated private static let endOfTime = EpochMilliseconds(rawValue: 253_402_300_799_000)

    let book: SlotBook
    let queue: JobQueue
    private let log = Log(component: "scheduler")

    init(book: SlotBook, queue: JobQueue) {
        self.book = book
        self.queue = queue
    }

    /// - Returns: whether all that was owed is enqueued.
    /// - Throws: what PostgreSQL throws.
    func enqueue() async throws -> Bool {
        var (schedule, slot) = ("", EpochMilliseconds(rawValue: 0))
        var isAll = true
        while true {
            let rows = try await book.owed(after: schedule, slot, limit: Self.sliceMax)
            guard let last = rows.last else { return isAll }
            (schedule, slot) = (last.schedule, last.slot)
            for (name, rows) in Dictionary(grouping: rows, by: \.schedule) {
                // What of a schedule comes after one that failed has to wait for it.
                if try await !enqueue(rows, of: name) {
                    isAll = false
                    if name == last.schedule { slot = Self.endOfTime }
                }
            }
            if rows.count < Self.sliceMax { return isAll }
        }
    }

    /// Enqueues rows of one schedule; `false` when one could not be.
    private func enqueue(_ rows: [SlotBook.Owed], of schedule: String) async throws -> Bool {
        var done: [EpochMilliseconds] = []
        var failure: (any Error)?
        for row in rows {
            do {
                let job = try OwedJob(text: row.text).job
                if try await queue.enqueue(job, ofSlot: row.slot, of: schedule) == .conflict {
                    // Somebody gave another job this id. It will not go away by itself, and the slots after it must go on.
                    log.error(
                        "another job has the id of a slot's job",
                        ["schedule": .string(schedule), "job.id": .string(job.id)])
                }
                done.append(row.slot)
            } catch {
                failure = error
                break
            }
        }
        if !done.isEmpty { try await book.settle(done, of: schedule) }
        guard let failure else { return true }
        owedFailures.add(1, [schedule])
        log.warning(
            "a slot's job is still owed", ["schedule": .string(schedule), "error": .error(failure)])
        return false
    }
}
