/// Deliberate faults, each of which a named test must notice. Only tests switch them on.
///
/// Those of scripts cost a process without them nothing: a process that has them runs other scripts
/// (``applied(to:)``).
package struct QueueFaults: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Jobs of an expired lease come back among the others, so that a poison job takes its batch with it.
    package static let skipLeasedAlone = QueueFaults(rawValue: 1 << 0)
    /// An id that comes again with another payload passes for the same job.
    package static let skipDigestCheck = QueueFaults(rawValue: 1 << 1)
    /// Follow-ups are not enqueued, as after a crash between the acknowledgement and a plain enqueue.
    package static let dropFollowUps = QueueFaults(rawValue: 1 << 2)
    /// What a worker says counts though its lease is gone, and fences do not grow over a loss of data.
    package static let skipFence = QueueFaults(rawValue: 1 << 3)
    /// A lease is known by its fence alone.
    package static let skipToken = QueueFaults(rawValue: 1 << 4)
    /// When memory is full, nobody may do anything: neither producers nor workers.
    package static let skipAllowOOM = QueueFaults(rawValue: 1 << 5)
    /// Follow-ups of acknowledgements get an id by chance, not the one that was derived from what they do.
    package static let skipDerivedID = QueueFaults(rawValue: 1 << 6)

    /// By their names in a configuration.
    package static let named: [String: QueueFaults] = [
        "skip-leased-alone": .skipLeasedAlone, "skip-digest-check": .skipDigestCheck, "drop-follow-ups": .dropFollowUps,
        "skip-fence": .skipFence, "skip-token": .skipToken, "skip-allow-oom": .skipAllowOOM,
        "skip-derived-id": .skipDerivedID,
    ]

    /// The fault of that name in a configuration, or `nil`.
    package init?(named name: String) {
        guard let fault = Self.named[name] else { return nil }
        self = fault
    }
}
