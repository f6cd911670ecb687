import Core
import EventLoop
import JobQueue

/// One job as a queue holds it, with what stands beside its record: notes, batch, whether its queue or its key lets it run.
struct JobStory {
    let job: StoredJob
    let isPaused: Bool
    let isHeldBack: Bool
    let notes: JobNotes?
    /// `nil` for a batch that has ended.
    let batch: BatchState?

    @Loop static func read(_ job: StoredJob, _ queue: JobQueue) async throws -> Self {
        Self(
            job: job, isPaused: try await queue.stats(job.queue).isPaused, isHeldBack: try await queue.isHeldBack(job),
            notes: try await queue.notes(of: job.id, in: job.queue), batch: try await queue.batch(of: job))
    }

    var json: JSON {
        guard case .object(var object) = JobSearch.jsonWithPayload(job) else { return .null }
        object["heldBack"] = .bool(isHeldBack)
        object["progress"] = notes?.progress.flatMap { JSONNumber(Self.thousandths($0)) }.map(JSON.number) ?? .null
        object["log"] = .array(
            (notes?.log ?? []).map { ["at": .string($0.at.rfc3339), "text": .string($0.text)] })
        object["batchState"] =
            batch.map {
                [
                    "outstanding": JSON(integer: $0.outstanding), "dead": JSON(integer: $0.dead),
                    "sealed": .bool($0.isSealed), "cannotSucceed": .bool($0.cannotSucceed),
                    "openedAt": .string($0.openedAt.rfc3339),
                ]
            } ?? .null
        return .object(object)
    }

    /// `0.425`
    private static func thousandths(_ progress: Double) -> String {
        let parts = Int((progress * 1000).rounded())
        return "\(parts / 1000).\(String(parts % 1000 + 1000).dropFirst())"
    }

    func page(now: EpochMilliseconds) -> Page {
        var page = Page()
        page.add("\(job.id, .bold)  \(job.state.rawValue, JobSearch.style(of: job.state))")
        page.add("  \(job.kind.isEmpty ? "-" : job.kind) in queue \(job.queue.rawValue), shard \(job.shard)")
        if let enqueuedAt = job.enqueuedAt {
            page.add("  enqueued \(enqueuedAt.shown), \(enqueuedAt.relative(to: now))")
        }
        if job.priority != .normal { page.add("  priority \("\(job.priority)")") }
        if let completedAt = job.completedAt {
            page.add("  completed \(completedAt.shown), \(completedAt.relative(to: now))")
        }
        if let deadline = job.deadline { page.add("  may begin until \(deadline.shown)") }
        if job.maxAttempts > 0 {
            let crashes = job.crashes > 0 ? ", \(job.crashes.counted("crash", "crashes"))" : ""
            page.add("  failed \(job.attempt) of \(job.maxAttempts) times\(crashes)")
        }
        addBelongings(to: &page)
        page.add("  \("next", .bold): \(nextRun(now: now))")
        if let trace = job.traceContext { page.add("  trace \(trace)") }
        if !job.failures.isEmpty { addFailures(to: &page) }
        if let notes { addNotes(notes, to: &page, now: now) }
        if !job.payload.isEmpty {
            page.heading("\("Payload", .bold) (\(job.payload.count.counted("byte")))")
            page.add(JobPayload(job.payload).lines(max: 60).map { "  \($0)" })
        }
        return page
    }

    private func addFailures(to page: inout Page) {
        page.heading("\("What went wrong", .bold) (the last \(job.failures.count))")
        var table = Table(
            columns: [
                .init(heading: ""), .init(heading: ""), .init(heading: ""), .init(heading: "", isElastic: true),
            ],
            indent: 2, hasHeadings: false)
        for failure in job.failures {
            let what =
                switch failure.kind {
                case .failed: "failed"
                case .crashed: "crashed"
                case .buried: "failed for good"
                }
            table.rows.append([
                "\(failure.at.shown)", "run \(failure.attempt)", "\(what, .bad)",
                "\(failure.kind == .crashed ? "on worker " + failure.message : failure.message)",
            ])
        }
        page.add(table)
    }

    /// What it shares with others: batch, order key, unique key.
    private func addBelongings(to page: inout Page) {
        if let name = job.batch {
            var text = "batch \(name): "
            if let batch {
                text += "\(batch.outstanding.grouped) out, \(batch.dead.grouped) dead"
                text += batch.isSealed ? ", sealed" : ", open still"
                if batch.cannotSucceed { text += ", without success" }
            } else {
                text += "ended"
            }
            page.add("  \(text)")
        }
        if let key = job.orderKey {
            let rate = job.startInterval.map { ", one starts each \($0.words)" } ?? ""
            page.add(
                job.places == 1
                    ? "  order key \(key): one after the other\(rate)"
                    : "  key \(key): \(job.places) at once\(rate)")
        }
        if let unique = job.unique { page.add("  unique key \(unique.key) (\("\(unique.mode)"))") }
    }

    private func addNotes(_ notes: JobNotes, to page: inout Page, now: EpochMilliseconds) {
        let percent = notes.progress.map { "\(Int(($0 * 100).rounded(.down))) %" } ?? "nothing of how far it is"
        page.heading("\("What it said of itself", .bold): \(percent), \(notes.at.relative(to: now))")
        page.add(notes.log.map { "  \($0.at.shown)  \($0.text)" })
    }

    /// When it runs next and why, or why it does not.
    private func nextRun(now: EpochMilliseconds) -> String {
        let paused = isPaused ? "; but queue \(job.queue.rawValue) is paused" : ""
        switch job.state {
        case .ready where isHeldBack:
            return "when another job of its key \(job.orderKey ?? "-") has ended\(paused)"
        case .ready, .live:
            let alone = job.failures.last?.kind == .crashed ? ", by itself, since a worker ended while it ran" : ""
            return "as soon as a worker is free\(alone)\(paused)"
        case .leased:
            return "it runs now, on \(job.worker ?? "-") under fence \(job.fence ?? 0)"
        case .scheduled:
            let due = job.dueAt.map { "\($0.relative(to: now)), at \($0.shown)" } ?? "later"
            let why =
                job.failures.last.map { "a pause after run \($0.attempt) failed" }
                ?? "it was enqueued with a delay, or a worker put it off"
            return "\(due): \(why)\(paused)"
        case .dead:
            return "never by itself: `tributary dead retry \(job.id)` gives it another life"
        case .quarantined:
            return
                "never by itself: workers ended \(job.crashes) times while it ran alone; `tributary quarantine release \(job.id)`"
        case .completed: return "never: it has completed"
        case .cancelled: return "never: it was cancelled or deleted"
        case .expired: return "never: its deadline passed before a worker took it"
        }
    }
}
