import Core
import EventLoop
import Scheduling

/// `schedules`, `schedules preview`, `schedule pause` and `schedule resume`: what fires when, and what must not for a while.
/// (`schedule run` is a command of work.)
enum ScheduleCommands {
    static let all = [schedules, preview, pause, resume]

    private static let nextOption = CommandOption.value(
        "next", "NUMBER", "how many slots to come, 1 to 100; 3 by default")
    private static let scheduleWord = CommandWord("schedule", "its name, as `schedules` shows it")

    static let schedules = Command(
        "schedules", .fleet, "Lists schedules with their last and their next slots, in UTC.", options: [nextOption],
        examples: ["schedules", "schedules --next 5"]
    ) { session, arguments in
        let count = try arguments.integer("next", or: 3, in: 1...100)
        let book = SlotBook(pool: try await session.postgres())
        var page = Page()
        var json: [JSON] = []
        for schedule in try Schedule.embedded() {
            let standing = try await book.standing(of: schedule)
            let next = slots(of: schedule, after: standing.clock, count)
            page.heading("\(schedule.name, .bold)  \(schedule.zoneName)")
            if let since = standing.pausedSince {
                page.add("  \("paused", .notice) since \(since.shown): fires nothing")
            }
            page.add("  last   \(standing.last.shown)  fired, resumed, or seen for the first time")
            page.add(lines(next, standing.clock))
            json.append([
                "name": .string(schedule.name), "timeZone": .string(schedule.zoneName),
                "lastSlot": .string(standing.last.rfc3339),
                "pausedSince": standing.pausedSince.map { .string($0.rfc3339) } ?? .null, "next": members(next),
            ])
        }
        return Answer(["schedules": .array(json)], page)
    }

    static let preview = Command(
        "schedules preview", .fleet, "Shows when a cron expression is due, of this program's schedules or of your own.",
        options: [
            .value("cron", "EXPRESSION", "five fields, as in crontab(5); the schedules of this program unless named"),
            .value("zone", "NAME", "of the IANA database, for --cron; UTC unless named"), nextOption,
            .value("from", "INSTANT", "slots after it; now, by this machine's clock, unless named"),
        ],
        examples: [
            "schedules preview --next 5", "schedules preview --cron '30 2 * * SUN' --zone America/New_York",
            "schedules preview --cron '0 2 * * *' --zone Europe/Berlin --from 2026-10-24T00:00:00Z",
        ],
        details: "Needs no store. What a change of the clocks skips is shown at the next instant there is."
    ) { _, arguments in
        let count = try arguments.integer("next", or: 3, in: 1...100)
        let from = try arguments.instant("from", now: Loop.wallClock) ?? Loop.wallClock
        var page = Page()
        var json: [JSON] = []
        for schedule in try previewed(arguments) {
            let next = slots(of: schedule, after: from, count)
            page.heading("\(schedule.name, .bold)  \(schedule.cron.description)  \(schedule.zoneName)")
            page.add(next.isEmpty ? ["  not due within nine years"] : lines(next, from))
            json.append([
                "name": .string(schedule.name), "cron": .string(schedule.cron.description),
                "timeZone": .string(schedule.zoneName), "next": members(next),
            ])
        }
        return Answer(["schedules": .array(json)], page)
    }

    static let pause = Command(
        "schedule pause", .fleet, "Keeps a schedule from firing until it is resumed; runs that were fired go on.",
        words: [scheduleWord],
        options: [.value("actor", "WHO", "who does it, for those who wonder; `operator` unless named")],
        examples: ["schedule pause commission-confirmation"]
    ) { session, arguments in
        let schedule = try named(arguments.word(0))
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
        details: "A business date that was left out is run by `tributary schedule run NAME --date`."
    ) { session, arguments in
        let schedule = try named(arguments.word(0))
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

    private static func named(_ name: String) throws -> Schedule {
        let known = try Schedule.embedded()
        if let schedule = known.first(where: { $0.name == name }) { return schedule }
        throw Refusal("there is no schedule \(name): \(known.map(\.name).joined(separator: ", "))")
    }

    private static func previewed(_ arguments: Arguments) throws -> [Schedule] {
        guard let text = arguments.optional("cron") else {
            guard arguments.optional("zone") == nil else { throw Arguments.Usage("--zone is for --cron") }
            return try Schedule.embedded()
        }
        let zoneName = arguments.text("zone", or: "UTC")
        do {
            return [
                Schedule(
                    name: "preview", cron: try CronExpression(text), zoneName: zoneName,
                    zone: try TimeZoneRules.system(zoneName), batch: "none")
            ]
        } catch let error as CronExpression.Invalid {
            throw Arguments.Usage("--cron: \(error)")
        } catch let error as TimeZoneRules.Invalid {
            throw Arguments.Usage("--zone: \(error)")
        }
    }

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
}
