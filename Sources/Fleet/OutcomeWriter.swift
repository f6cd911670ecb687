import EventLoop
import JobQueue
import Telemetry

/// Tells rows and queue what became of jobs, in this order, and counts it.
@Loop
final class OutcomeWriter {
    private let settler: any JobSettler
    private let recorder: (any DeadLetterRecorder)?
    private let policy: RetryPolicy
    private let metrics: WorkerMetrics
    private let log: Log
    private var random = SystemRandomNumberGenerator()

    /// How long an end waits when its row could not be told for a reason other than an unreachable store.
    static let postponedEnd = Duration.seconds(30)

    init(
        settler: any JobSettler, recorder: (any DeadLetterRecorder)?, policy: RetryPolicy, metrics: WorkerMetrics,
        log: Log
    ) {
        self.settler = settler
        self.recorder = recorder
        self.policy = policy
        self.metrics = metrics
        self.log = log
    }

    /// Settles all results in one call. Runs to its end even when its caller is cancelled: a stop that gives back must
    /// still be able to give back.
    ///
    /// - Returns: false when a store did not answer: the caller backs off.
    func write(_ results: [(job: LeasedJob, result: VerdictPlan.Result)]) async -> Bool {
        guard Task.isCancelled else { return await settle(results) }
        return await Task { @Loop in await settle(results) }.value
    }

    private func settle(_ results: [(job: LeasedJob, result: VerdictPlan.Result)]) async -> Bool {
        var plan = VerdictPlan(results, policy: policy, random: &random)
        var isReachable = true
        if !plan.ends.isEmpty, let recorder {
            do {
                try await recorder.record(plan.ends.map(\.end))
            } catch {
                isReachable = FailureClass(error) != .unreachableStore
                metrics.recorderFailures.add(plan.ends.count)
                log.error(
                    "the rows of dead jobs could not be told; the jobs come again",
                    ["jobs.count": .int(plan.ends.count), "error": .error(error)])
                plan.postponeEnds(by: isReachable ? .snooze(Self.postponedEnd) : .giveBack)
            }
        }
        do {
            let settlement = try await settler.settle(plan.verdicts)
            count(plan, settlement)
        } catch {
            // Nothing to repeat here: the queue has repeated it until the lease was surely over. The jobs run again.
            metrics.settlementsFailed.add(plan.verdicts.count)
            log.error(
                "jobs could not be acknowledged", ["jobs.count": .int(plan.verdicts.count), "error": .error(error)])
            isReachable = false
        }
        return isReachable
    }

    private func count(_ plan: VerdictPlan, _ settlement: Settlement) {
        // After a repetition, a refusal may mean that the first call was heard: nothing to warn of, but nothing to count.
        let stale = Set(settlement.stale)
        if !stale.isEmpty, !settlement.wasRepeated {
            log.warning("jobs were settled by another worker", ["jobs.stale": .strings(settlement.stale)])
        }
        let died = Set(settlement.died)
        var index = 0
        while index < plan.verdicts.count {
            // Long runs of one kind and one outcome are the rule: they are counted in one step.
            let (job, verdict) = plan.verdicts[index]
            let outcome = Self.name(job, verdict, stale, died)
            var end = index + 1
            while end < plan.verdicts.count, plan.verdicts[end].job.kind == job.kind,
                Self.name(plan.verdicts[end].job, plan.verdicts[end].verdict, stale, died) == outcome
            {
                end += 1
            }
            metrics.count(job.kind, outcome, end - index)
            index = end
        }
        for (job, verdict) in plan.verdicts { describe(job, verdict, stale, died) }
    }

    private func describe(_ job: LeasedJob, _ verdict: JobVerdict, _ stale: Set<String>, _ died: Set<String>) {
        if stale.contains(job.id) { return }
        switch verdict {
        case .retry(_, let reason) where died.contains(job.id), .bury(let reason):
            log.error("a job is dead", fields(job, reason))
        case .retry(let after, let reason):
            log.info(
                "a job will be retried",
                [
                    "job.id": .string(job.id), "job.kind": .string(job.kind), "job.attempt": .int(job.attempt),
                    "job.after_ms": .milliseconds(after), "error": .string(reason),
                ])
        case .complete, .giveBack, .snooze: break
        }
    }

    private func fields(_ job: LeasedJob, _ reason: String) -> KeyValuePairs<String, LogValue> {
        [
            "job.id": .string(job.id), "job.kind": .string(job.kind), "job.attempt": .int(job.attempt),
            "error": .string(reason),
        ]
    }

    private static func name(_ job: LeasedJob, _ verdict: JobVerdict, _ stale: Set<String>, _ died: Set<String>)
        -> String
    {
        if !stale.isEmpty, stale.contains(job.id) { return "stale" }
        switch verdict {
        case .complete: return "completed"
        case .retry: return !died.isEmpty && died.contains(job.id) ? "dead" : "retried"
        case .bury: return "dead"
        case .giveBack: return "given_back"
        case .snooze: return "snoozed"
        }
    }
}
