import Core
import EventLoop
import JobQueue
import Scheduling

/// `schedule run`: what a schedule does, now and by hand, by cron or by Kubernetes.
enum ScheduleRun {
    static let command = Command(
        "schedule run", .fleet,
        "Runs what a schedule runs: a batch for a business date, once, with its report; or its job, now.",
        words: [ScheduleCommands.scheduleWord],
        options: [
            .value("date", "YYYY-MM-DD", "of a batch: the business date; today in the schedule's zone by default"),
            .value("now", "INSTANT", "of a batch: what holds are compared with; later than now in demonstrations only"),
            .value("wait", "SECONDS", "of a batch: for the report, 1 to 3,600; 120 by default"),
            .value("slot", "INSTANT", "of a job: the slot whose job it is to be; a job beside the slots by default"),
            .flag("dry-run", "only show what would be confirmed, or the job that would be enqueued"),
        ],
        examples: [
            "schedule run commission-confirmation", "schedule run commission-confirmation --dry-run",
            "schedule run commission-confirmation --date 2026-11-28 --now 2026-11-28T02:00:00+09:00",
            "schedule run nightly-report --slot 2026-11-28T02:00:00+09:00",
        ],
        details: """
            For cron, systemd timers or Kubernetes, and for what a pause left out. A batch is run once for a date, and its report \
            is shown again; a slot's job is there once, as long as its queue holds it.
            """
    ) { session, arguments in
        let schedule = try ScheduleCommands.named(arguments.word(0), session)
        switch schedule.work {
        case .batch:
            try refuse(["slot"], arguments, "is for schedules that enqueue a job")
            return try await ConfirmationCommand.run(session, arguments, of: schedule)
        case .job(let template):
            try refuse(["date", "now", "wait"], arguments, "is for schedules that run a batch")
            return try await enqueue(template, of: schedule, session, arguments)
        }
    }

    private static func refuse(_ options: [String], _ arguments: Arguments, _ why: String) throws {
        for name in options where arguments.optional(name) != nil { throw Arguments.Usage("--\(name) \(why)") }
    }

    @Loop private static func enqueue(
        _ template: JobTemplate, of schedule: Schedule, _ session: Session, _ arguments: Arguments
    ) async throws -> Answer {
        let job = try job(template, of: schedule, arguments)
        var json = JSONObject([
            ("schedule", .string(schedule.name)), ("jobId", .string(job.id)), ("queue", .string(job.queue.rawValue)),
            ("kind", .string(job.kind)), ("payload", JSON(validating: job.payload) ?? .null),
        ])
        if arguments.has("dry-run") {
            json["dryRun"] = true
            return Answer(
                .object(json),
                [
                    "Nothing is enqueued: this is what would be.", "  \(job.id, .bold)",
                    "  \(job.kind) in queue \(job.queue.rawValue)", "  \(String(decoding: job.payload, as: UTF8.self))",
                ])
        }
        // An operator's word is not a producer's: no limit of the queue refuses it.
        let outcome = try await session.queue().enqueueFollowUps([job])[0]
        let line: StyledLine
        switch outcome {
        case .added:
            json["outcome"] = "added"
            line = "Enqueued \(job.id, .bold) into \(job.queue.rawValue): see `tributary job \(job.id)`."
        case .exists(let state):
            json["outcome"] = "exists"
            json["state"] = .string(state.rawValue)
            line = "\(job.id, .bold) is there already, \(state.rawValue): see `tributary job \(job.id)`."
        case .conflict, .duplicate, .full, .batchEnded:
            throw Refusal("another job has the id \(job.id): see `tributary job \(job.id)`")
        }
        return Answer(.object(json), [line])
    }

    private static func job(
        _ template: JobTemplate, of schedule: Schedule, _ arguments: Arguments
    ) throws -> NewJob {
        guard let text = arguments.optional("slot") else {
            let second = EpochMilliseconds(rawValue: Loop.wallClock.rawValue.flooredQuotient(by: 1000) * 1000)
            // Never the id of a slot: those have a dot.
            return template.job(
                for: schedule.slot(at: second), of: schedule.name, id: "\(schedule.name):\(second.rfc3339Seconds)")
        }
        guard let instant = EpochMilliseconds(rfc3339: text) else {
            throw Arguments.Usage("--slot needs an instant with its offset, such as 2026-11-28T02:00:00+09:00")
        }
        let found = schedule.slots(after: instant - .milliseconds(1), through: instant, limit: 1)
        guard let slot = found.first else {
            let next = schedule.nextSlot(after: instant).map { "; the next one is \($0.instant.rfc3339)" } ?? ""
            throw Refusal("\(text) is no slot of \(schedule.name)\(next)")
        }
        return template.job(for: slot, of: schedule.name)
    }
}
