/// What a schedule has done when a slot fires.
package enum ScheduledWork: Hashable, Sendable {
    /// A batch of the fleet, run once for each business date.
    case batch(String)
    /// A job of any queue, one for each slot.
    case job(JobTemplate)
}
