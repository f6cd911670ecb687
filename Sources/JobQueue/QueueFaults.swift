/// Deliberate faults, each of which a named test must notice. Only tests switch them on.
package struct QueueFaults: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Jobs of an expired lease come back among the others, so that a poison job takes its batch with it.
    package static let skipLeasedAlone = QueueFaults(rawValue: 1 << 0)
    /// An id that comes again with another payload passes for the same job.
    package static let skipDigestCheck = QueueFaults(rawValue: 1 << 1)
    /// Follow-ups are not enqueued, as after a crash between the acknowledgement and a plain enqueue.
    package static let dropFollowUps = QueueFaults(rawValue: 1 << 2)

    /// The fault of that name in a configuration, or `nil`.
    package init?(named name: String) {
        switch name {
        case "skip-leased-alone": self = .skipLeasedAlone
        case "skip-digest-check": self = .skipDigestCheck
        case "drop-follow-ups": self = .dropFollowUps
        default: return nil
        }
    }
}
