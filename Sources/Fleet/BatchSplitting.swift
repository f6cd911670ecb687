import EventLoop

/// What became of one item of a batch.
enum SplitResult<Outcome: Sendable>: Sendable {
    case outcome(Outcome)
    /// It failed standing alone.
    case failed(message: String)
    /// Not tried, or not to blame.
    case abandoned
}

/// What became of a batch.
struct SplitReport<Outcome: Sendable>: Sendable {
    /// One for each item, in their order.
    var results: [SplitResult<Outcome>]
    /// The store's error that ended the batch, if one did.
    var storeError: (any Error)?
    /// 1 when nothing was wrong; at most 2n - 1 for n items, at most 1 + 2·b·⌈log₂ n⌉ when b items are bad.
    var calls = 0
}

/// A handler that answered fewer or more outcomes than it was given jobs: a bug of ours, told like a failure so that it
/// cannot take the process with it.
struct OutcomeCountError: Error, CustomStringConvertible {
    let expected: Int
    let given: Int
    var description: String { "the handler gave \(given) outcomes for \(expected) jobs" }
}

/// Hands a batch to `handle`; when that throws because of some item, hands it each half, until the bad items stand alone.
///
/// Halves keep their order, the first half first. An unreachable store or a cancellation ends it: what has no outcome yet
/// is abandoned. The items that are well are handled again in smaller company, so `handle` must be idempotent.
@Loop func splitting<Item: Sendable, Outcome: Sendable>(
    _ items: [Item], handle: @Loop ([Item]) async throws -> [Outcome]
) async -> SplitReport<Outcome> {
    var report = SplitReport<Outcome>(results: Array(repeating: .abandoned, count: items.count))
    // A stack of what is still to be done, so the depth is the logarithm and no recursion is needed.
    var pending = items.isEmpty ? [] : [0..<items.count]
    while let range = pending.popLast() {
        if Task.isCancelled { return report }
        report.calls += 1
        do {
            let outcomes = try await handle(range.count == items.count ? items : Array(items[range]))
            guard outcomes.count == range.count else {
                throw OutcomeCountError(expected: range.count, given: outcomes.count)
            }
            for (index, outcome) in zip(range, outcomes) { report.results[index] = .outcome(outcome) }
        } catch {
            switch FailureClass(error) {
            case .unreachableStore:
                report.storeError = error
                return report
            case .cancelled: return report
            case .job where range.count == 1:
                report.results[range.lowerBound] = .failed(message: String(describing: error))
            case .job:
                let middle = range.lowerBound + range.count / 2
                pending.append(middle..<range.upperBound)
                pending.append(range.lowerBound..<middle)
            }
        }
    }
    return report
}
