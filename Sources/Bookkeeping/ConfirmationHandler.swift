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
    nonisolated package static let chunk = 200
    /// Transactions at a time: while PostgreSQL works on one, this process prepares another.
    nonisolated package static let lanes = 2

    private let book: OrderBook
    private let pool: PostgresPool
    private let queue: JobQueue
    private let channels: [Notification.Channel]
    private let chunk: Int
    private let lanes: Int
    private let log = Log(component: "batch")
    private var lastFailure: any Error = CancellationError()

    /// - Parameters:
    ///   - channels: where the report of a finished run goes; none by default.
    ///   - chunk: orders in one transaction, at least 1.
    ///   - lanes: transactions at a time, at least 1.
    package init(
        book: OrderBook, pool: PostgresPool, queue: JobQueue, channels: [Notification.Channel] = [],
        chunk: Int = ConfirmationHandler.chunk, lanes: Int = ConfirmationHandler.lanes
    ) {
        self.channels = channels
        self.chunk = chunk
        self.lanes = lanes
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
        guard let run = try await ConfirmationRun(pool: pool).report(id), run.state == .owed else { return }
        var aside: [UUID] = []
        for waiting in [false, true] {
            // Who waits for locks does so alone: nobody else has anything left.
            while try await !work(run, lanes: waiting ? 1 : lanes, waiting: waiting, aside: aside) {
                guard let bad = try await findFailing(run, waiting: waiting, aside: aside) else { break }
                aside.append(bad)
            }
        }
        await enqueueReport(try await finish(id))
        log.info("confirmation run finished", ["batch.date": .string(run.businessDate.description)])
    }

    /// Confirms in several transactions at a time until nothing is left for them; false when one of them failed on an order.
    private func work(
        _ run: ConfirmationRun.Report, lanes: Int, waiting: Bool, aside: [UUID]
    ) async throws -> Bool {
        async let others = lanes > 1 ? work(run, lanes: lanes - 1, waiting: waiting, aside: aside) : true
        let mine = try await walk(run, chunk: chunk, waiting: waiting, aside: aside, OrderBook.DueWalk())
        return try await others && mine
    }

    /// Confirms chunk by chunk; false when one failed on an order.
    private func walk(
        _ run: ConfirmationRun.Report, chunk: Int, waiting: Bool, aside: [UUID], _ walk: OrderBook.DueWalk,
        times: Int = .max
    ) async throws -> Bool {
        for _ in 0..<times {
            try Task.checkCancellation()
            let before = walk.taken
            do {
                let done = try await book.confirmDue(
                    at: run.now, chunk: chunk, waiting: waiting, aside: aside, walk: walk
                ) { transaction, done in
                    transaction.post(Self.progress, Self.progress(of: done, run.runID))
                }
                guard let done else { return true }
                await enqueue(done.owedDeliveries)
                // Whoever was confirmed has left the selection. Orders that come again and stay pending would for ever.
                guard walk.taken != before else { return true }
            } catch  where !Self.isPassing(error) {
                lastFailure = error
                return false
            }
        }
        return true
    }

    /// Halves the chunk until the order that fails stands alone, sets it aside and answers it; `nil` when none fails any more.
    private func findFailing(_ run: ConfirmationRun.Report, waiting: Bool, aside: [UUID]) async throws -> UUID? {
        var chunk = self.chunk
        var last: [UUID] = []
        while true {
            let walk = OrderBook.DueWalk()
            if try await self.walk(run, chunk: chunk, waiting: waiting, aside: aside, walk, times: 1) {
                guard !walk.taken.isEmpty, walk.taken != last else { return nil }
                last = walk.taken
                continue
            }
            guard chunk == 1, let bad = walk.taken.first else {
                // Nothing was taken, or with a chunk of one still nothing: it is no order that fails.
                guard chunk > 1 else { throw lastFailure }
                chunk /= 2
                continue
            }
            log.error(
                "an order was set aside", ["batch.order": .string(bad.description), "error": .error(lastFailure)])
            try await skip(run.runID)
            return bad
        }
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
            _ = try await queue.enqueueFollowUps(ids.map(NewJob.notification))
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
            _ = try await queue.enqueueFollowUps(deliveries.map(NewJob.delivery))
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
