/// A pure model of one queue in one shard: what the scripts must do, said in another way.
///
/// Time comes from outside, as the scripts' answers tell it. The scripts' caps are never reached by the test that uses it.
struct QueueModel: Equatable {
    struct Job: Equatable {
        var payload: String
        var attempt = 0
        var crashes = 0
        var maxAttempts: Int
        var failures = 0
        var isQuarantined = false
        /// It died while it was a suspect.
        var diedAlone = false
    }

    struct Lease: Equatable {
        var token: String
        var isAlone: Bool
        var run: String
        var ids: [String]
    }

    enum Verdict: Equatable {
        case complete, retry(delay: Int64), bury, giveBack, snooze(delay: Int64)
    }

    let leaseMilliseconds: Int64
    let crashesMax: Int
    var jobs: [String: Job] = [:]
    var ready: [String] = []
    var alone: [String] = []
    /// Due time by id; suspects as "!id".
    var scheduled: [String: Int64] = [:]
    var leases: [Int64: Lease] = [:]
    var expiries: [Int64: Int64] = [:]
    var dead: [String: Int64] = [:]
    /// Payload and state of ids that ended.
    var remembered: [String: String] = [:]
    var run: String?
    var fence: Int64 = 0
    var alive: Int64 = 0
    var check: Int64 = 0
    var hold: Int64 = 0
    var isPaused = false

    // MARK: Enqueue

    /// The code of each job, as the script gives it.
    mutating func enqueue(
        _ new: [(id: String, payload: String, delay: Int64, maxAttempts: Int)], now: Int64
    ) -> String {
        var codes = ""
        let before = self
        for job in new {
            let code: String
            if let found = jobs[job.id] {
                let state = before.jobs[job.id] == nil ? "l" : before.state(of: job.id)
                code = found.payload == job.payload ? state : state.uppercased()
            } else if let entry = remembered[job.id] {
                code = entry.dropLast() == job.payload ? String(entry.suffix(1)) : entry.suffix(1).uppercased()
            } else {
                code = "a"
                jobs[job.id] = Job(payload: job.payload, maxAttempts: job.maxAttempts)
                if job.delay > 0 {
                    scheduled[job.id] = now + job.delay
                    if check == 0 || now + job.delay < check { check = now + job.delay }
                } else {
                    ready.append(job.id)
                }
            }
            codes += code
        }
        return codes
    }

    private func state(of id: String) -> String {
        if dead[id] != nil { return jobs[id]?.isQuarantined == true ? "q" : "d" }
        return scheduled[id] != nil || scheduled["!" + id] != nil ? "s" : "l"
    }

    // MARK: Lease

    /// The fence of what was leased, or `nil`.
    mutating func lease(
        now: Int64, run: String, token: String, max: Int, mayTakeAlone: Bool
    ) -> Int64? {
        keepUp(now: now, run: run)
        guard !isPaused else { return nil }
        var ids: [String] = []
        var isAlone = false
        if mayTakeAlone, !alone.isEmpty {
            ids = [alone.removeFirst()]
            isAlone = true
        } else {
            ids = Array(ready.prefix(max))
            ready.removeFirst(ids.count)
        }
        guard !ids.isEmpty else { return nil }
        fence = self.run == run ? fence + 1 : Swift.max(fence + 1, now << 11)
        self.run = run
        alive = now
        leases[fence] = Lease(token: token, isAlone: isAlone, run: run, ids: ids)
        expiries[fence] = now + leaseMilliseconds
        if check == 0 || now + leaseMilliseconds < check { check = now + leaseMilliseconds }
        return fence
    }

    mutating func extend(_ fence: Int64, now: Int64) {
        breathe(now: now)
        expiries[fence] = now + leaseMilliseconds
    }

    // MARK: Upkeep

    mutating func keepUp(now: Int64, run: String) {
        breathe(now: now)
        guard check != 0, now >= check else { return }
        for (member, due) in scheduled.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) where due <= now {
            scheduled[member] = nil
            if member.hasPrefix("!") { alone.append(String(member.dropFirst())) } else { ready.append(member) }
        }
        if now >= hold { reap(now: now, run: run) }
        let expiry = expiries.values.min().map { Swift.max($0, hold) }
        check = [scheduled.values.min(), expiry].compactMap(\.self).min() ?? 0
    }

    private mutating func breathe(now: Int64) {
        guard !leases.isEmpty else { return }
        let wasStill = now - alive > leaseMilliseconds / 2
        if wasStill { hold = now + leaseMilliseconds }
        if wasStill || now - alive > leaseMilliseconds / 10 { alive = now }
    }

    private mutating func reap(now: Int64, run: String) {
        for (fence, expiry) in expiries.sorted(by: { ($0.value, "\($0.key)") < ($1.value, "\($1.key)") })
        where expiry <= now {
            expiries[fence] = nil
            guard let lease = leases.removeValue(forKey: fence) else { continue }
            if lease.run != run {
                if lease.isAlone { alone = lease.ids + alone } else { ready = lease.ids + ready }
            } else if lease.isAlone {
                for id in lease.ids { crash(id, now: now) }
            } else {
                alone += lease.ids
            }
        }
    }

    private mutating func crash(_ id: String, now: Int64) {
        jobs[id]?.crashes += 1
        jobs[id]?.failures += 1
        guard let job = jobs[id], job.crashes >= crashesMax else {
            alone.append(id)
            return
        }
        jobs[id]?.isQuarantined = true
        jobs[id]?.diedAlone = true
        dead[id] = now
    }

    // MARK: Settle

    /// The ids that are stale and those that died.
    mutating func settle(
        fence: Int64, token: String, _ verdicts: [(id: String, verdict: Verdict)], now: Int64
    ) -> (stale: Set<String>, died: Set<String>) {
        guard let lease = leases[fence], lease.token == token else { return (Set(verdicts.map(\.id)), []) }
        var left = lease.ids
        var stale: Set<String> = []
        var died: Set<String> = []
        var givenBack: [String] = []
        for (id, verdict) in verdicts {
            guard left.contains(id) else {
                stale.insert(id)
                continue
            }
            left.removeAll { $0 == id }
            switch verdict {
            case .complete:
                remembered[id] = (jobs[id]?.payload ?? "") + "c"
                jobs[id] = nil
            case .giveBack: givenBack.append(id)
            case .snooze(let delay): schedule(id, delay, isAlone: lease.isAlone, now: now)
            case .bury, .retry:
                jobs[id]?.attempt += 1
                jobs[id]?.failures += 1
                if case .retry(let delay) = verdict, let job = jobs[id], job.attempt < job.maxAttempts {
                    schedule(id, delay, isAlone: lease.isAlone, now: now)
                } else {
                    jobs[id]?.diedAlone = lease.isAlone
                    dead[id] = now
                    died.insert(id)
                }
            }
        }
        if lease.isAlone { alone = givenBack + alone } else { ready = givenBack + ready }
        leases[fence]?.ids = left
        if left.isEmpty {
            leases[fence] = nil
            expiries[fence] = nil
        }
        return (stale, died)
    }

    private mutating func schedule(_ id: String, _ delay: Int64, isAlone: Bool, now: Int64) {
        if delay == 0 {
            if isAlone { alone.append(id) } else { ready.append(id) }
            return
        }
        scheduled[isAlone ? "!" + id : id] = now + delay
        if check == 0 || now + delay < check { check = now + delay }
    }

    // MARK: Operators

    mutating func redrive(_ id: String) {
        guard dead.removeValue(forKey: id) != nil, let job = jobs[id] else { return }
        jobs[id] = Job(payload: job.payload, maxAttempts: job.maxAttempts, failures: job.failures)
        if job.diedAlone { alone.append(id) } else { ready.append(id) }
    }

    mutating func delete(_ id: String) {
        guard dead.removeValue(forKey: id) != nil, let job = jobs.removeValue(forKey: id) else { return }
        remembered[id] = job.payload + "x"
    }

    /// Each job is in exactly one place; leases and expiries go together.
    func brokenInvariant() -> String? {
        let places =
            ready + alone + scheduled.keys.map { $0.hasPrefix("!") ? String($0.dropFirst()) : $0 }
            + leases.values.flatMap(\.ids) + dead.keys
        if places.count != Set(places).count { return "a job is in two places" }
        if Set(places) != Set(jobs.keys) { return "a job is in no place, or a place without a job" }
        return Set(leases.keys) == Set(expiries.keys) ? nil : "a lease without an expiry, or the other way round"
    }
}
