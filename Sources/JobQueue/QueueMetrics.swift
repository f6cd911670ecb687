import EventLoop
import Telemetry

/// The queue's counts, a contract of `docs/queue.md`.
@Loop
final class QueueMetrics {
    static let shared = QueueMetrics()

    /// What may become of a job in a settlement, for the label `verdict`.
    enum Verdict: Int, CaseIterable {
        case complete, retry, bury, giveBack, snooze, expire, cancel

        var label: String {
            switch self {
            case .complete: "complete"
            case .retry: "retry"
            case .bury: "bury"
            case .giveBack: "give_back"
            case .snooze: "snooze"
            case .expire: "expire"
            case .cancel: "cancel"
            }
        }
    }

    let added: [Counter.Series]
    let repeated: [Counter.Series]
    let conflicts: [Counter.Series]
    let duplicates: [Counter.Series]
    let refused: [Counter.Series]
    let leased: [Counter.Series]
    let stale: [Counter.Series]
    let died: [Counter.Series]
    let quarantined: [Counter.Series]
    let leasesLost: [Counter.Series]
    let followUpsLost: [Counter.Series]
    let settlesRepeated: [Counter.Series]
    private let settled: [[Counter.Series]]

    private init() {
        func series(_ counter: Counter, _ more: String...) -> [Counter.Series] {
            QueueName.allCases.map { counter.series([$0.rawValue] + more) }
        }
        let enqueued = Counter(
            "queue_jobs_enqueued_total", "Jobs that were to be enqueued.", labels: ["queue", "outcome"])
        added = series(enqueued, "added")
        repeated = series(enqueued, "exists")
        conflicts = series(enqueued, "conflict")
        duplicates = series(enqueued, "duplicate")
        refused = series(enqueued, "full")
        leased = series(Counter("queue_jobs_leased_total", "Jobs leased.", labels: ["queue"]))
        let settled = Counter(
            "queue_jobs_settled_total", "Attempts ended, as Redis confirmed.", labels: ["queue", "verdict"])
        self.settled = Verdict.allCases.map { series(settled, $0.label) }
        stale = series(
            Counter("queue_jobs_stale_total", "Jobs refused because their lease was another's.", labels: ["queue"]))
        died = series(Counter("queue_jobs_died_total", "Jobs that ended dead.", labels: ["queue"]))
        quarantined = series(
            Counter("queue_jobs_quarantined_total", "Jobs quarantined after crashes.", labels: ["queue"]))
        leasesLost = series(
            Counter("queue_leases_lost_total", "Leases whose heartbeat was refused.", labels: ["queue"]))
        followUpsLost = series(
            Counter(
                "queue_follow_ups_lost_total", "Follow-ups of another shard that could not be enqueued.",
                labels: ["queue"]))
        settlesRepeated = series(
            Counter("queue_settles_repeated_total", "Acknowledgement calls sent again.", labels: ["queue"]))
    }

    func settled(_ verdict: Verdict, _ queue: QueueName, _ count: Int) {
        settled[verdict.rawValue][queue.ordinal].add(count)
    }
}
