/// When a schedule is due.
package enum Recurrence: Hashable, Sendable, CustomStringConvertible {
    /// In the local time of the schedule's zone.
    case cron(CronExpression)
    /// At exact distances, whatever clocks on walls show.
    case every(SlotInterval)

    package var description: String {
        switch self {
        case .cron(let cron): cron.description
        case .every(let interval): "every \(interval)"
        }
    }
}
