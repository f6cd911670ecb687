import Core
import JobQueue
import Scheduling

/// Zones with every kind of change: none, both hemispheres, half hours, at midnight, in Ramadan, a name that moves, offsets
/// beyond 12 hours, rules with hours below 0 and beyond 24.
let zoneNames = [
    "UTC", "Asia/Seoul", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Asia/Beirut",
    "Asia/Jerusalem", "Europe/London", "Europe/Dublin", "Europe/Berlin", "Europe/Lisbon", "Europe/Moscow",
    "Africa/Cairo",
    "Africa/Casablanca", "Africa/Johannesburg", "America/New_York", "America/Chicago", "America/Los_Angeles",
    "America/St_Johns", "America/Havana", "America/Santiago", "America/Asuncion", "America/Sao_Paulo", "America/Nuuk",
    "America/Scoresbysund", "Atlantic/Azores", "Antarctica/Troll", "Australia/Sydney", "Australia/Lord_Howe",
    "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Pacific/Easter", "Pacific/Kiritimati", "Pacific/Norfolk",
]

func instant(_ text: String) -> EpochMilliseconds {
    guard let instant = EpochMilliseconds(rfc3339: text) else { preconditionFailure("'\(text)' is no instant") }
    return instant
}

func schedule(
    _ cron: String, _ zone: String = "UTC", gap: Schedule.Gap = .next, overlap: Schedule.Overlap = .first,
    missed: Schedule.Missed = .once, name: String = "test",
    work: ScheduledWork = .batch("commission-confirmation")
) throws -> Schedule {
    Schedule(
        name: name, .cron(try CronExpression(cron)), zoneName: zone, zone: try TimeZoneRules.system(zone), work: work,
        gap: gap, overlap: overlap, missed: missed)
}

/// An interval with a job of queue `batches`.
func schedule(
    every text: String, anchor: String = "1970-01-01T00:00:00Z", missed: Schedule.Missed = .all, missedMax: Int = 100,
    name: String = "test", job: JobTemplate? = nil
) throws -> Schedule {
    Schedule(
        name: name, .every(try SlotInterval(text, anchor: instant(anchor))), zoneName: "UTC",
        zone: try TimeZoneRules.system("UTC"),
        work: .job(job ?? JobTemplate(queue: .batches, kind: "test.v1", shardKey: name)), missed: missed,
        missedMax: missedMax)
}
