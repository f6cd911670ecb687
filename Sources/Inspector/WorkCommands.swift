import Bookkeeping
import Core
import EventLoop
import Fleet
import JobQueue
import Postgres
import Scheduling

/// `rebuild`: what is owed comes back into the queues.
enum WorkCommands {
    static let all = [rebuild, ScheduleRun.command]

    static let rebuild = Command(
        "rebuild", .fleet, "Enqueues all that PostgreSQL says is owed and no queue holds; safe at any time.",
        options: [
            .flag("ended", "also what ended dead and whose dead letter no queue holds; not what an operator deleted")
        ],
        examples: ["rebuild", "rebuild --ended"],
        details:
            "For after a loss of Redis' data. The fleet's sweep does the same by itself, for what is owed for 30 s."
    ) { session, arguments in
        let (pool, queue) = (try await session.postgres(), try await session.queue())
        let revived = arguments.has("ended") ? try await LostEnds(pool: pool, queue: queue).owe() : [:]
        let revivedTotal = revived.values.reduce(0, +)
        let work = OwedWork(pool: pool, queue: queue)
        let report = try await work.enqueueDue(olderThan: .zero)
        var listing = Listing(
            "steps",
            [
                .init("what", "what"), .init("owed", "owed", isRight: true),
                .init("enqueued", "enqueued", isRight: true), .init("dead", "dead", isRight: true),
            ], whenEmpty: "Nothing is owed.")
        listing.rows = report.found.keys.sorted().map { kind in
            [
                .init(kind), .init(Int64(report.found[kind] ?? 0)), .init(Int64(report.added[kind] ?? 0)),
                .init(Int64(report.stuck[kind] ?? 0)),
            ]
        }
        var page = listing.answer.page
        if revivedTotal > 0 {
            page.add(["", "\(revivedTotal.counted("step")) had ended, and no queue held the dead letters: owed again."])
        }
        let ended = report.stuck.values.reduce(0, +)
        if ended > 0 {
            page.add(["", "\(ended.counted("step")) stand as dead letters: see `tributary dead list`."])
        }
        return Answer(
            [
                "steps": listing.json, "enqueued": JSON(integer: report.addedTotal),
                "revived": JSON(integer: revivedTotal),
            ],
            page)
    }
}
