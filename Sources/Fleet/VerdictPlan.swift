import JobQueue

/// From what became of jobs to what the queue is told, and which rows must be told before. Pure.
struct VerdictPlan {
    typealias Result = SplitResult<JobOutcome>

    /// One for each job, in their order.
    private(set) var verdicts: [(job: LeasedJob, verdict: JobVerdict)] = []
    /// Ends without success, with the index of their verdict.
    private(set) var ends: [(index: Int, end: JobEnd)] = []

    /// Bytes of an error text that goes into a job's history.
    static let errorBytesMax = 300

    init(_ results: [(job: LeasedJob, result: Result)], policy: RetryPolicy, random: inout some RandomNumberGenerator) {
        verdicts.reserveCapacity(results.count)
        for (job, result) in results {
            switch result {
            case .outcome(.completed(let followUps)): verdicts.append((job, .complete(followUps: followUps)))
            case .outcome(.snooze(let duration)): verdicts.append((job, .snooze(duration)))
            case .outcome(.dead(let reason)): end(job, .bury(reason: Self.cut(reason)), Self.cut(reason))
            case .outcome(.retry(let error, let after)): retry(job, error, after, policy, &random)
            case .failed(let message): retry(job, message, nil, policy, &random)
            case .abandoned: verdicts.append((job, .giveBack))
            }
        }
    }

    /// Puts the end of these jobs off: their rows could not be told.
    mutating func postponeEnds(by verdict: JobVerdict) {
        for (index, _) in ends { verdicts[index].verdict = verdict }
        ends = []
    }

    private mutating func retry(
        _ job: LeasedJob, _ error: String, _ after: Duration?, _ policy: RetryPolicy,
        _ random: inout some RandomNumberGenerator
    ) {
        let error = Self.cut(error)
        if job.isLastAttempt {
            end(job, .retry(after: .zero, error: error), error)
        } else {
            let after = after ?? policy.delay(afterAttempt: job.attempt, random: &random)
            verdicts.append((job, .retry(after: after, error: error)))
        }
    }

    private mutating func end(_ job: LeasedJob, _ verdict: JobVerdict, _ reason: String) {
        let end = JobEnd(
            id: job.id, queue: job.queue, kind: job.kind, payload: job.payload, attempt: job.attempt, state: .dead,
            reason: reason)
        ends.append((verdicts.count, end))
        verdicts.append((job, verdict))
    }

    /// At most ``errorBytesMax`` bytes, cut between two characters.
    private static func cut(_ text: String) -> String {
        if text.utf8.count <= errorBytesMax { return text }
        var cut = ""
        var room = errorBytesMax - 3
        for character in text {
            room -= character.utf8.count
            if room < 0 { break }
            cut.append(character)
        }
        return cut + "…"
    }
}
