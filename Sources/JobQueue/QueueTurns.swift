/// From which queues a source leases, and which of them comes first.
package enum QueueOrder: Hashable, Sendable {
    /// While several have jobs, each gets a part of the leased ones by its weight: 1 to 100. None starves.
    case weighted([QueueName: Int])
    /// A queue is leased from only while those before it have nothing to lease. The last ones may starve.
    case strict([QueueName])

    /// In the order in which their markers are popped.
    var queues: [QueueName] {
        switch self {
        case .weighted(let weights): QueueName.allCases.filter { weights[$0] != nil }
        case .strict(let queues): queues
        }
    }

    /// What is wrong with it, in a sentence; `nil` when it can be used.
    package var problem: String? {
        if queues.isEmpty || Set(queues).count < queues.count {
            return "a source leases from one queue or more, each once"
        }
        guard case .weighted(let weights) = self else { return nil }
        if weights.values.allSatisfy((1...QueueLimits.weightMax).contains) { return nil }
        return "a queue's weight must be from 1 to \(QueueLimits.weightMax)"
    }
}

/// Whose turn it is among the queues of a source. Pure.
///
/// By weights it is stride scheduling: each queue has a pass, which grows with the jobs that were leased from it, the slower
/// the higher its weight, and the lowest pass goes first. A queue that had nothing for a while joins at the present pass: it
/// saves nothing up.
struct QueueTurns {
    /// Empty for a strict order.
    private let weights: [Double]
    private var passes: [Double]
    private var pass = 0.0

    init(_ order: QueueOrder) {
        switch order {
        case .weighted(let given): weights = order.queues.map { Double(given[$0] ?? 1) }
        case .strict: weights = []
        }
        passes = order.queues.map { _ in 0 }
    }

    /// The place, in ``QueueOrder/queues``, of the queue to lease from; `nil` when none has work.
    mutating func next(where hasWork: (Int) -> Bool) -> Int? {
        guard !weights.isEmpty else { return passes.indices.first(where: hasWork) }
        var best: Int?
        for index in passes.indices where hasWork(index) {
            if best.map({ max(passes[index], pass) < max(passes[$0], pass) }) ?? true { best = index }
        }
        if let best { pass = max(passes[best], pass) }
        return best
    }

    /// Counts jobs as leased; those that a lease did not bring are taken back as a negative number.
    mutating func charge(_ index: Int, _ jobs: Int) {
        guard !weights.isEmpty else { return }
        passes[index] = max(passes[index], pass) + Double(jobs) / weights[index]
    }
}
