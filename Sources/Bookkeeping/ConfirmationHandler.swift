import Core
package import EventLoop
package import Fleet
package import JobQueue
package import Ledger
package import Notifications
package import Postgres
import Telemetry

/// The batch worker's work: carries a confirmation run to its end, in chunks of one transaction each.
@Loop
package final class ConfirmationHandler: JobHandler {
    package let kinds: Set<String>? = [NewJob.batchKind]

    /// Orders in one transaction.
    nonisolated private static let chunk = 200

    private let book: OrderBook
    private let pool: PostgresPool
    private let queue: JobQueue
    private let channels: [Notification.Channel]
    private let log = Log(component: "batch")

    /// - Parameter channels: where the report of a finished run goes; none by default.
    package init(book: OrderBook, pool: PostgresPool, queue: JobQueue, channels: [Notification.Channel] = []) {
        self.channels = channels
        self.book = book
        self.pool = pool
        self.queue = queue
    }

    /// What the run's row adds up: written after each chunk, so that a run that resumes keeps counting.
    private static let progress = PostgresStatement(
        "progress_run",
        """
        UPDATE batch_runs SET selected = selected + $2, confirmed = confirmed + $3,
            sums = (SELECT coalesce(jsonb_object_agg(key, total), '{}') FROM (
                SELECT key, sum(value::bigint) AS total FROM (
                    SELECT * FROM jsonb_each_text(sums) UNION ALL SELECT * FROM jsonb_each_text($4)) a GROUP BY key) b),
            skipped = (SELECT coalesce(jsonb_object_agg(key, total), '{}') FROM (
                SELECT key, sum(value::bigint) AS total FROM (
                    SELECT * FROM jsonb_each_text(skipped) UNION ALL SELECT * FROM jsonb_each_text($5)) a GROUP BY key) b)
        WHERE id = $1 AND state = 'owed'
        """)
    private static let finish = PostgresStatement(
        "finish_run",
        "UPDATE batch_runs SET state = 'finished', finished_at = clock_timestamp() WHERE id = $1 AND state = 'owed'")

    package func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        var outcomes: [JobOutcome] = []
        for job in batch {
            guard let id = payloadID(job.payload, "run") else {
                outcomes.append(.dead(reason: "malformed payload: a run's uuid is required"))
                continue
            }
            try await carryOn(id)
            outcomes.append(.completed())
        }
        return outcomes
    }

    private func carryOn(_ id: UUID) async throws {
        guard let run = try await ConfirmationRun(pool: pool).report(id), !run.isFinished else { return }
        var aside: [UUID] = []
        for waiting in [false, true] {
            var chunk = Self.chunk
            while true {
                try Task.checkCancellation()
                do {
                    let done = try await book.confirmDue(
                        at: run.now, chunk: chunk, waiting: waiting, aside: aside
                    ) { transaction, done in
                        transaction.post(Self.progress, Self.progress(of: done, id))
                    }
                    guard let done else { break }
                    await enqueue(done.owedDeliveries)
                    chunk = Self.chunk
                    // An order whose pending commission was reason enough to select it and that is still pending would
                    // come again for ever; every other one has left the selection.
                    guard done.priced > 0 else { break }
                } catch  where !Self.isPassing(error) && chunk > 1 {
                    chunk = max(1, chunk / 2)
                } catch  where !Self.isPassing(error) {
                    guard let bad = try await book.dueOrders(at: run.now, limit: 1, aside: aside).first else {
                        throw error
                    }
                    aside.append(bad)
                    chunk = Self.chunk
                    log.error(
                        "an order was set aside", ["batch.order": .string(bad.description), "error": .error(error)])
                    try await skip(id)
                }
            }
        }
        await enqueueReport(try await finish(id))
        log.info("confirmation run finished", ["batch.date": .string(run.businessDate.description)])
    }

    /// Ends the run and owes its report to the operators in the same transaction; answers the notifications' ids.
    private func finish(_ id: UUID) async throws -> [UUID] {
        let channels = channels
        return try await pool.transaction { transaction in
            guard try await transaction.execute(Self.finish, [.uuid(id)]).affectedRows == 1,
                let report = try await ConfirmationRun.report(id, in: transaction)
            else { return [] }
            return try await NotificationBook.owe(report.notification, on: channels, in: transaction)
        }
    }

    private func enqueueReport(_ ids: [UUID]) async {
        do {
            _ = try await queue.enqueue(ids.map(NewJob.notification))
        } catch {
            log.warning("notifications were left to the sweep", ["error": .error(error)])
        }
    }

    /// Whether it says nothing against any order: the job is done again.
    private static func isPassing(_ error: any Error) -> Bool {
        error is CancellationError || (error as? PostgresError)?.isTransient == true
    }

    private static func progress(of done: OrderBook.Pricing, _ id: UUID) -> [PostgresValue] {
        let sums = JSONObject(done.sums.sorted { $0.key < $1.key }.map { ($0.key, JSON(integer: $0.value)) })
        let skipped = JSONObject(done.skipped.sorted { $0.key < $1.key }.map { ($0.key, JSON(integer: $0.value)) })
        return [
            .uuid(id), .int8(Int64(done.priced)), .int8(Int64(done.confirmed)), .json(.object(sums)),
            .json(.object(skipped)),
        ]
    }

    private func enqueue(_ deliveries: [OrderBook.OwedDelivery]) async {
        do {
            _ = try await queue.enqueue(deliveries.map(NewJob.delivery))
        } catch {
            // The deliveries are owed rows: the sweep enqueues them.
            log.warning("deliveries were left to the sweep", ["error": .error(error)])
        }
    }

    private func skip(_ id: UUID) async throws {
        _ = try await pool.query(
            Self.progress, [.uuid(id), .int8(1), .int8(0), .json([:]), .json(["set_aside": 1])])
    }
}
