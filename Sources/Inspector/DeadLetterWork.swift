import Core
import EventLoop
import Glibc
import JobQueue

/// One call of a command that does something to dead letters: named ones, or all that match, in slices and at a pace.
struct DeadLetterWork {
    let subject: DeadLetterSubject
    /// Such as `retried`.
    let done: String
    /// A second.
    let rate: Int
    private var wanted = 0
    private var count = 0
    private var isStopped = false
    /// Tests only: what stands for Ctrl-C, which would reach all tests of the process.
    var testInterrupt: Interrupt?

    init(_ subject: DeadLetterSubject, done: String, rate: Int) {
        self.subject = subject
        self.done = done
        self.rate = rate
    }

    /// - Parameter act: does it to some, and answers how many were dead still.
    @Loop mutating func run(
        _ session: Session, _ arguments: Arguments, _ act: @Loop ([StoredJob]) async throws -> Int
    ) async throws -> Answer {
        let isDry = arguments.has("dry-run")
        let queue = try await session.queue()
        if !arguments.positional.isEmpty {
            let jobs = try await named(arguments.positional, queue)
            wanted = jobs.count
            if !isDry { count = try await act(jobs) }
            return answer(isDry: isDry)
        }
        guard arguments.has("all") || subject.filters.contains(where: { arguments.optional($0.name) != nil }) else {
            throw Arguments.Usage("name jobs, or say which by options, or --all")
        }
        let filter = try subject.filter(arguments, now: Loop.wallClock)
        try await look(queue, filter)
        if isDry || wanted == 0 { return answer(isDry: isDry) }
        try await workThrough(session, queue, filter, act)
        return answer(isDry: false)
    }

    /// Looks at all, so that a person knows what is to come.
    @Loop private mutating func look(_ queue: JobQueue, _ filter: JobFilter) async throws {
        let walk = DeadLetterWalk(queue, filter)
        while let jobs = try await walk.next() { wanted += jobs.count }
    }

    @Loop private mutating func workThrough(
        _ session: Session, _ queue: JobQueue, _ filter: JobFilter,
        _ act: @Loop ([StoredJob]) async throws -> Int
    ) async throws {
        let interrupt = testInterrupt ?? Interrupt()
        // With the payloads: they name the rows.
        let walk = DeadLetterWalk(queue, filter, payloads: true)
        var pace = Pace(rate: rate)
        var moved = 0
        while !isStopped, let jobs = try await walk.next(movedAway: moved) {
            moved = 0
            for start in stride(from: 0, to: jobs.count, by: pace.slice) {
                // Only here are some left: after the last slice there is nothing to stop.
                isStopped = interrupt.came
                if isStopped { break }
                let slice = Array(jobs[start..<min(start + pace.slice, jobs.count)])
                try await pace.wait(for: slice.count)
                moved += try await act(slice)
                try await session.console.progress(progress(at: count + moved))
            }
            count += moved
        }
        try await session.console.progress("")
    }

    private func progress(at count: Int) -> StyledLine {
        let left = Duration.seconds(max(0, wanted - count) / rate)
        let percent = min(100, count * 100 / max(1, wanted))
        return
            "\(count.grouped) of \(wanted.grouped) \(done)  \(percent) %  \(rate.grouped)/s  \(left.words) left"
    }

    @Loop private func named(_ ids: [String], _ queue: JobQueue) async throws -> [StoredJob] {
        var jobs: [StoredJob] = []
        for id in ids {
            guard let found = try await queue.find(id, inAnyOf: QueueName.allCases) else {
                throw Refusal("no queue holds a job \(id): see `tributary \(subject.word) list`")
            }
            try subject.check(found)
            jobs.append(found)
        }
        return jobs
    }

    private func answer(isDry: Bool) -> Answer {
        var lines: [StyledLine] = []
        if isDry {
            lines.append("\(subject.counted(wanted)) would be \(done).")
        } else {
            let rest = isStopped ? "; stopped, the others stay dead" : ""
            lines.append("\(subject.counted(count)) of \(wanted.grouped) \(done)\(rest).")
        }
        return Answer(
            [
                "matched": JSON(integer: wanted), "count": JSON(integer: isDry ? wanted : count),
                "dryRun": .bool(isDry), "stopped": .bool(isStopped),
            ], lines, isGood: !isStopped)
    }
}

/// Whether Ctrl-C was pressed since this was made: work in slices ends after the slice in hand.
@Loop
final class Interrupt {
    private(set) var came = false
    private var watch: SignalWatch?

    /// - Parameter onCome: told of it, for who waits meanwhile.
    init(_ onCome: @escaping @Loop () -> Void = {}) {
        watch = SignalWatch(signal: SIGINT) { [weak self] in
            self?.come()
            onCome()
        }
    }

    func come() { came = true }
}
