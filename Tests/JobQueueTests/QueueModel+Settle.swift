@testable import JobQueue

extension QueueModel {
    typealias FollowUp = (job: New, parent: String)

    struct Settled: Equatable {
        var stale: Set<String>
        var died: Set<String> = []
        var cancelled: Set<String> = []
        /// Of the jobs that follow.
        var codes: String
    }

    mutating func settle(
        fence: Int64, token: String, completed: [String], _ others: [(id: String, verdict: Verdict)],
        followUps: [FollowUp], now: Int64
    ) -> Settled {
        let all = completed + others.map(\.id)
        guard let lease = leases[fence], lease.token == token else {
            return Settled(stale: Set(all), codes: String(repeating: "-", count: followUps.count))
        }
        let before = self
        let together = completed.filter(lease.ids.contains)
        memory.note(together.map { ($0, (jobs[$0]?.payload ?? "") + "c") }, now: now)
        for id in together { complete(id, now: now) }
        var left = lease.ids.filter { !together.contains($0) }
        var settled = Settled(stale: Set(completed).subtracting(together), codes: "")
        var givenBack: [String] = []
        for (id, verdict) in others {
            guard left.contains(id) else {
                settled.stale.insert(id)
                continue
            }
            left.removeAll { $0 == id }
            switch verdict {
            case .complete:
                memory.note([(id, (jobs[id]?.payload ?? "") + "c")], now: now)
                complete(id, now: now)
            case .expire:
                memory.note([(id, (jobs[id]?.payload ?? "") + "e")], now: now)
                end(id, .withoutSuccess, now: now)
            case .giveBack: givenBack.append(id)
            case .cancel,
                .snooze where jobs[id]?.isCancelled == true, .bury where jobs[id]?.isCancelled == true,
                .retry where jobs[id]?.isCancelled == true:
                settled.cancelled.insert(id)
                memory.note([(id, (jobs[id]?.payload ?? "") + "x")], now: now)
                end(id, .withoutSuccess, now: now)
            case .snooze(let delay): schedule(id, delay, isAlone: lease.isAlone, now: now)
            case .bury, .retry:
                jobs[id]?.attempt += 1
                jobs[id]?.failures += 1
                if case .retry(let delay) = verdict, let job = jobs[id], job.attempt < job.maxAttempts {
                    schedule(id, delay, isAlone: lease.isAlone, now: now)
                } else {
                    jobs[id]?.diedAlone = lease.isAlone
                    release(id, .dead, now: now)
                    dead[id] = now
                    settled.died.insert(id)
                }
            }
        }
        if lease.isAlone { alone = givenBack + alone } else { putReadyFirst(givenBack) }
        leases[fence]?.ids = left
        if left.isEmpty {
            leases[fence] = nil
            expiries[fence] = nil
        }
        guard settled.stale.count < all.count else {
            settled.codes = String(repeating: "-", count: followUps.count)
            return settled
        }
        memory.since = memory.since ?? now
        if keptMilliseconds > 0 {
            trimKept(now: now, toCount: true)
            if check == 0 || now + keptMilliseconds < check { check = now + keptMilliseconds }
        }
        // Whoever a follow-up ends leaves its batch first; those settled leave when their follow-ups have joined.
        let settledLeavers = leavers
        leavers = []
        let unwanted = followUps.indices.filter { settled.stale.contains(followUps[$0].parent) }
        let ending = others.filter { $0.verdict == .complete && !settled.stale.contains($0.id) }.map(\.id)
        settled.codes = admit(
            followUps.map(\.job), as: before, room: .max, unwanted: Set(unwanted), ending: Set(ending), now: now)
        leavers = settledLeavers
        leaveBatches(now: now)
        return settled
    }

    private mutating func complete(_ id: String, now: Int64) {
        if keptMilliseconds > 0 {
            release(id, .completed, now: now)
            jobs[id]?.isCancelled = false
            kept[id] = now
        } else {
            end(id, .completed, now: now)
        }
    }

    mutating func trimKept(now: Int64, toCount: Bool) {
        var oldest = kept.sorted { ($0.value, $0.key) < ($1.value, $1.key) }[...]
        while let first = oldest.first, (toCount && oldest.count > keptCount) || first.value <= now - keptMilliseconds {
            kept[first.key] = nil
            jobs[first.key] = nil
            oldest.removeFirst()
        }
    }

    mutating func schedule(_ id: String, _ delay: Int64, isAlone: Bool, now: Int64) {
        let delay = jobs[id]?.deadline.map { $0 > now ? min(delay, $0 - now) : delay } ?? delay
        if delay == 0 {
            if isAlone { alone.append(id) } else { putReady(id) }
            return
        }
        scheduled[member(id, isAlone: isAlone)] = now + delay
        if check == 0 || now + delay < check { check = now + delay }
    }

    // MARK: Operators

    mutating func redrive(_ id: String, now: Int64) {
        guard dead[id] != nil, let job = jobs[id] else { return }
        if let unique = job.unique {
            guard holder(of: unique.key) == nil else { return }
            self.unique[unique.key] = id
        }
        dead[id] = nil
        jobs[id] = Job(
            payload: job.payload, maxAttempts: job.maxAttempts, failures: job.failures, priority: job.priority,
            deadline: job.deadline, unique: job.unique, orderKey: job.orderKey,
            places: job.places, interval: job.interval, burst: job.burst, batch: job.batch,
            diedAlone: job.diedAlone)
        if let batch = job.batch, batches[batch]?.dead.remove(id) != nil { batches[batch]?.out.insert(id) }
        lineUp(id, 0, isAlone: job.diedAlone, now: now)
    }

    mutating func delete(_ id: String, now: Int64) {
        guard dead.removeValue(forKey: id) != nil, let job = jobs.removeValue(forKey: id) else { return }
        memory.note(id, job.payload + "x", now: now)
        if let batch = job.batch { leavers.append(Leaver(batch: batch, id: id, end: .withoutSuccess)) }
        leaveBatches(now: now)
    }
}
