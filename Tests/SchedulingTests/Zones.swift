import Core
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
    missed: Schedule.Missed = .once, name: String = "test"
) throws -> Schedule {
    Schedule(
        name: name, cron: try CronExpression(cron), zoneName: zone, zone: try TimeZoneRules.system(zone),
        batch: "commission-confirmation", gap: gap, overlap: overlap, missed: missed)
}
