@testable import JobQueue

extension QueueModel {
    /// A job that follows a batch.
    struct Follower: Equatable {
        var id: String
        var payload: String
        var priority: PriorityBand
        var maxAttempts: Int
    }

    struct Batch: Equatable {
        var openedAt: Int64
        var onSuccess: Follower?
        var onCompletion: Follower?
        var isSealed = false
        /// A job of it is gone without success.
        var cannotSucceed = false
        /// What follows its completion was enqueued.
        var isTold = false
        var out: Set<String> = []
        var dead: Set<String> = []
    }

    /// A job of a batch that has ended in this step.
    struct Leaver: Equatable {
        enum End { case completed, dead, withoutSuccess }
        var batch: String
        var id: String
        var end: End
    }

    enum BatchEnd: Hashable { case completed, succeeded, succeededAfterRedrive, failed }

    func isBatchOpen(_ job: New) -> Bool { job.batch.map { batches[$0] != nil } ?? true }

    /// Whether more goes with the job than its record when it ends.
    func hasBelongings(_ id: String) -> Bool {
        jobs[id].map { $0.unique != nil || $0.orderKey != nil || $0.batch != nil } ?? false
    }

    /// Whether it was not open before.
    mutating func open(_ name: String, _ batch: Batch) -> Bool {
        guard batches[name] == nil else { return false }
        batches[name] = batch
        return true
    }

    /// Whether it was open, and not sealed.
    mutating func seal(_ name: String, now: Int64) -> Bool {
        guard batches[name]?.isSealed == false else { return false }
        batches[name]?.isSealed = true
        lookAtBatch(name, now: now)
        return true
    }

    mutating func leaveBatches(now: Int64) {
        for leaver in leavers where batches[leaver.batch] != nil {
            batches[leaver.batch]?.out.remove(leaver.id)
            batches[leaver.batch]?.dead.remove(leaver.id)
            switch leaver.end {
            case .completed: break
            case .dead: batches[leaver.batch]?.dead.insert(leaver.id)
            case .withoutSuccess: batches[leaver.batch]?.cannotSucceed = true
            }
            lookAtBatch(leaver.batch, now: now)
        }
        leavers = []
    }

    private mutating func lookAtBatch(_ name: String, now: Int64) {
        guard let batch = batches[name], batch.isSealed, batch.out.isEmpty else { return }
        if !batch.isTold {
            follow(with: batch.onCompletion)
            batches[name]?.isTold = true
            batchEnds[.completed, default: 0] += 1
        }
        guard batch.dead.isEmpty else { return }
        batches[name] = nil
        if batch.cannotSucceed {
            batchEnds[.failed, default: 0] += 1
        } else {
            follow(with: batch.onSuccess)
            batchEnds[batch.isTold ? .succeededAfterRedrive : .succeeded, default: 0] += 1
        }
    }

    private mutating func follow(with follower: Follower?) {
        guard let follower, jobs[follower.id] == nil else { return }
        jobs[follower.id] = Job(
            payload: follower.payload, maxAttempts: follower.maxAttempts, priority: follower.priority)
        if follower.priority != .normal { isBanded = true }
        putReady(follower.id)
    }

    /// Who is out of a batch, and who is dead, follows from the jobs alone; and a sealed batch with nobody out was told.
    func brokenBatch() -> String? {
        var out: [String: Set<String>] = [:]
        var dead: [String: Set<String>] = [:]
        for (id, job) in jobs where kept[id] == nil {
            guard let batch = job.batch else { continue }
            if self.dead[id] == nil { out[batch, default: []].insert(id) } else { dead[batch, default: []].insert(id) }
        }
        for (name, batch) in batches {
            if batch.out != out.removeValue(forKey: name) ?? [] || batch.dead != dead.removeValue(forKey: name) ?? [] {
                return "batch \(name) and its jobs disagree"
            }
            if batch.isSealed, batch.out.isEmpty, !batch.isTold || batch.dead.isEmpty {
                return "batch \(name) has ended, and nobody was told"
            }
        }
        return out.isEmpty && dead.isEmpty ? nil : "jobs of a batch that has ended: \(out) \(dead)"
    }
}
