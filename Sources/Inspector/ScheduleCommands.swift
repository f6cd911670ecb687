import Core
import EventLoop
import Fleet
import JobQueue
import Scheduling

/// `schedules`, `schedules preview`, `schedule pause` and `schedule resume`: what fires when, and what must not for a while.
/// (`schedule run` stands in ``ScheduleRun``.)
enum ScheduleCommands {
    static let all = [schedules, preview, pause, resume]

    private static let nextOption = CommandOption.value(
        "next", "NUMBER", "how many slots to come, 1 to 100; 3 by default")
    static let scheduleWord = CommandWord(
        "schedule", "its name, as `schedules` shows it", choices: embeddedNames, areChoicesOpen: true)

    static let schedules = Command(
        "schedules", .fleet, "Lists schedules with their last and their next slots, in UTC.", options: [nextOption],
        examples: ["schedules", "schedules --next 5"],
        details: "Those of this program, and those of the folder that TRIBUTARY_SCHEDULES names."
    ) { session, arguments in
        let count = try arguments.integer("next", or: 3, in: 1...100)
        let book = SlotBook(pool: try await session.postgres())
        var page = Page()
        var json: [JSON] = []
        for schedule in try known(session) {
            let view = try await book.view(of: schedule)
            let next = slots(of: schedule, after: view.clock, count)
            page.heading("\(schedule.name, .bold)  \(schedule.recurrence.description)  \(schedule.zoneName)")
            page.add("  runs   \(schedule.work.words)")
            if let since = view.pausedSince {
                page.add("  \("paused", .notice) since \(since.shown): fires nothing")
            }
            if view.owed > 0 {
                page.add(
                    "  \("owed", .notice)   \(Int(view.owed).counted("job")) of slots that fired, not enqueued yet")
            }
            page.add(
                view.last.map { "  last   \($0.shown)  fired, resumed, or seen for the first time" }
                    ?? "  last   no scheduler has seen it yet")
            page.add(lines(next, view.clock))
            json.append(
                .object(
                    description(
                        of: schedule,
                        [
                            ("runs", schedule.work.json),
                            ("lastSlot", view.last.map { .string($0.rfc3339) } ?? .null),
                            ("pausedSince", view.pausedSince.map { .string($0.rfc3339) } ?? .null),
                            ("owedJobs", JSON(integer: view.owed)), ("next", members(next)),
                        ])))
        }
        return Answer(["schedules": .array(json)], page)
    }

    static let preview = Command(
        "schedules preview", .fleet, "Shows when schedules are due, or an expression or interval of your own.",
        words: [
            CommandWord(
                "schedule", "one schedule only", choices: embeddedNames, areChoicesOpen: true, isOptional: true)
        ],
        options: [
            .value("cron", "EXPRESSION", "five fields, as in crontab(5), instead of a schedule"),
            .value("every", "INTERVAL", "such as 90s, 15m, 6h or 7d, instead of a schedule"),
            .value("anchor", "INSTANT", "for --every: an instant that is a slot; 1970-01-01T00:00:00Z unless named"),
            .value("zone", "NAME", "for --cron and --every: of the IANA database; UTC unless named"),
            .value(
                "gap", "POLICY", "for --cron: what becomes of a time that clocks skip; next unless named",
                choices: Schedule.Gap.allCases.map(\.rawValue)),
            .value(
                "overlap", "POLICY", "for --cron: what becomes of a time that comes twice; first unless named",
                choices: Schedule.Overlap.allCases.map(\.rawValue)),
            nextOption, .value("from", "INSTANT", "slots after it; now, by this machine's clock, unless named"),
        ],
        examples: [
            "schedules preview --next 5", "schedules preview commission-confirmation --from 2027-01-01T00:00:00Z",
            "schedules preview --cron '30 2 * * SUN' --zone America/New_York",
            "schedules preview --cron '0 2 * * *' --zone Europe/Berlin --from 2026-10-24T00:00:00Z",
            "schedules preview --every 6h --anchor 2026-01-01T03:00:00+09:00",
        ],
        details: "Needs no store, and reads every file of schedules: it says what is wrong with them."
    ) { session, arguments in
        let count = try arguments.integer("next", or: 3, in: 1...100)
        let from = try arguments.instant("from", now: Loop.wallClock) ?? Loop.wallClock
        var page = Page()
        var json: [JSON] = []
        for schedule in try previewed(session, arguments) {
            let next = slots(of: schedule, after: from, count)
            page.heading("\(schedule.name, .bold)  \(schedule.recurrence.description)  \(schedule.zoneName)")
            page.add(next.isEmpty ? ["  not due within nine years"] : lines(next, from))
            json.append(.object(description(of: schedule, [("next", members(next))])))
        }
        return Answer(["schedules": .array(json)], page)
    }

    static let pause = Command(
        "schedule pause", .fleet, "Keeps a schedule from firing until it is resumed; runs that were fired go on.",
        words: [scheduleWord],
        options: [.value("actor", "WHO", "who does it, for those who wonder; `operator` unless named")],
        examples: ["schedule pause commission-confirmation"]
    ) { session, arguments in
        let schedule = try named(arguments.word(0), session)
        let isNew = try await SlotBook(pool: try await session.postgres())
            .pause(schedule, by: arguments.text("actor", or: "operator"))
        return Answer(
            ["name": .string(schedule.name), "paused": true, "changed": .bool(isNew)],
            [
                isNew
                    ? "\(schedule.name, .bold) is \("paused", .notice). `tributary schedule resume \(schedule.name)` ends it."
                    : "\(schedule.name, .bold) was paused already."
            ])
    }

    static let resume = Command(
        "schedule resume", .fleet,
        "Lets a paused schedule fire again, from now on: what was due meanwhile is left out.",
        words: [scheduleWord], examples: ["schedule resume commission-confirmation"],
        details:
            "What was left out is run by `tributary schedule run NAME`, with --date for a batch and --slot for a job."
    ) { session, arguments in
        let schedule = try named(arguments.word(0), session)
        let pool = try await session.postgres()
        let wasPaused = try await SlotBook(pool: pool).resume(schedule)
        let next = schedule.nextSlot(after: Loop.wallClock)
        return Answer(
            ["name": .string(schedule.name), "paused": false, "changed": .bool(wasPaused)],
            [
                "\(schedule.name, .bold) \(wasPaused ? "fires again" : "was not paused")"
                    + (next.map { ", next at \($0.instant.shown) for \($0.date)." } ?? ".")
            ])
    }

    // MARK: Which schedules

    /// For the help and the shells, which know no configuration.
    private static var embeddedNames: [String] {
        (try? ScheduleFolder.embedded().map(\.name)) ?? []  // what cannot be read is said by the command that needs it
    }

    @Loop private static func known(_ session: Session) throws -> [Schedule] {
        do {
            return try ScheduleFolder.schedules(in: try session.configuration().schedules)
        } catch let error as Schedule.Invalid {
            throw Refusal("schedules cannot be used:\n" + error.problems.map { "  \($0)" }.joined(separator: "\n"))
        }
    }

    @Loop static func named(_ name: String, _ session: Session) throws -> Schedule {
        let known = try known(session)
        if let schedule = known.first(where: { $0.name == name }) { return schedule }
        let hint = nearest(to: name, among: known.map(\.name)).map { "; did you mean \($0)?" } ?? ""
        throw Refusal("there is no schedule \(name): \(known.map(\.name).joined(separator: ", "))\(hint)")
    }

    @Loop private static func previewed(_ session: Session, _ arguments: Arguments) throws -> [Schedule] {
        let (cron, every) = (arguments.optional("cron"), arguments.optional("every"))
        let hasWord = !arguments.word(0).isEmpty
        guard [cron != nil, every != nil, hasWord].count(where: \.self) <= 1 else {
            throw Arguments.Usage("one of <schedule>, --cron and --every")
        }
        if cron == nil {
            for name in ["gap", "overlap"] where arguments.optional(name) != nil {
                throw Arguments.Usage("--\(name) is for --cron")
            }
        }
        guard cron != nil || every != nil else {
            guard arguments.optional("zone") == nil else { throw Arguments.Usage("--zone is for --cron and --every") }
            guard arguments.optional("anchor") == nil else { throw Arguments.Usage("--anchor is for --every") }
            return hasWord ? [try named(arguments.word(0), session)] : try known(session)
        }
        let zoneName = arguments.text("zone", or: "UTC")
        do {
            return [
                Schedule(
                    name: "preview", try recurrence(cron, every, arguments), zoneName: zoneName,
                    zone: try TimeZoneRules.system(zoneName), work: .batch("none"),
                    gap: Schedule.Gap(rawValue: arguments.text("gap")) ?? .next,
                    overlap: Schedule.Overlap(rawValue: arguments.text("overlap")) ?? .first)
            ]
        } catch let error as CronExpression.Invalid {
            throw Arguments.Usage("--cron: \(error)")
        } catch let error as SlotInterval.Invalid {
            throw Arguments.Usage("--every: \(error)")
        } catch let error as TimeZoneRules.Invalid {
            throw Arguments.Usage("--zone: \(error)")
        }
    }

    private static func recurrence(
        _ cron: String?, _ every: String?, _ arguments: Arguments
    ) throws -> Recurrence {
        guard let every else {
            guard arguments.optional("anchor") == nil else { throw Arguments.Usage("--anchor is for --every") }
            return .cron(try CronExpression(cron ?? ""))
        }
        guard let text = arguments.optional("anchor") else { return .every(try SlotInterval(every)) }
        guard let anchor = EpochMilliseconds(rfc3339: text) else {
            throw Arguments.Usage("--anchor needs an instant with its offset, such as 2026-01-01T03:00:00+09:00")
        }
        return .every(try SlotInterval(every, anchor: anchor))
    }

    // MARK: What is shown

    private static func slots(of schedule: Schedule, after instant: EpochMilliseconds, _ count: Int) -> [Slot] {
        var slots: [Slot] = []
        while slots.count < count, let slot = schedule.nextSlot(after: slots.last?.instant ?? instant) {
            slots.append(slot)
        }
        return slots
    }

    private static func lines(_ slots: [Slot], _ now: EpochMilliseconds) -> [StyledLine] {
        slots.map { "  next   \($0.instant.shown)  for \($0.date)  \($0.instant.relative(to: now), .dim)" }
    }

    private static func members(_ slots: [Slot]) -> JSON {
        .array(slots.map { ["instant": .string($0.instant.rfc3339), "date": .string($0.date.description)] })
    }

    private static func description(of schedule: Schedule, _ more: [(String, JSON)]) -> JSONObject {
        var recurrence: [(String, JSON)]
        switch schedule.recurrence {
        case .cron(let cron): recurrence = [("cron", .string(cron.description))]
        case .every(let interval):
            recurrence = [("every", .string(interval.description)), ("anchor", .string(interval.anchor.rfc3339))]
        }
        recurrence.append(("timeZone", .string(schedule.zoneName)))
        return JSONObject([("name", .string(schedule.name))] + recurrence + more)
    }
}

extension ScheduledWork {
    /// What fires, in a line.
    var words: String {
        switch self {
        case .batch(let name): "batch \(name)"
        case .job(let template): "a job \(template.kind) in queue \(template.queue.rawValue)"
        }
    }

    /// The same for programs.
    var json: JSON {
        switch self {
        case .batch(let name): ["batch": .string(name)]
        case .job(let template): ["queue": .string(template.queue.rawValue), "kind": .string(template.kind)]
        }
    }
}
