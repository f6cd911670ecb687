@testable import JobQueue

/// A pure model of one queue in one shard: what the scripts must do, said in another way.
///
/// Time comes from outside. The scripts' caps are never reached by the test that uses it.
struct QueueModel: Equatable {
    struct Job: Equatable {
        var payload: String
        var attempt = 0
        var crashes = 0
        var maxAttempts: Int
        var failures = 0
        var isQuarantined = false
        var priority = PriorityBand.normal
        var deadline: Int64?
        var unique: UniqueKey?
        var orderKey: String?
        var places = 1
        /// Milliseconds between the starts of jobs of its key, or 0, and how many may start at once.
        var interval: Int64 = 0
        var burst: Int64 = 1
        var batch: String?
        /// It waits in a list, or runs, and is not to run again.
        var isCancelled = false
        /// It died while it was a suspect.
        var diedAlone = false
    }

    struct Held: Equatable {
        var id: String
        var due: Int64
    }

    struct Lease: Equatable {
        var token: String
        var isAlone: Bool
        var run: String
        var ids: [String]
    }

    enum Verdict: Equatable {
        case complete, retry(delay: Int64), bury, giveBack, snooze(delay: Int64), expire, cancel
    }

    struct New: Equatable {
        var id: String
        var payload: String
        var delay: Int64
        var maxAttempts: Int
        var priority: PriorityBand
        var lifetime: Int64?
        var unique: UniqueKey?
        var orderKey: String?
        var places = 1
        var interval: Int64 = 0
        var burst: Int64 = 1
        var batch: String?
    }

    let leaseMilliseconds: Int64
    let crashesMax: Int
    var jobs: [String: Job] = [:]
    var ready: [PriorityBand: [String]] = [:]
    var alone: [String] = []
    /// Due time by id; suspects as "!id", others than normal ones by the letter of their priority.
    var scheduled: [String: Int64] = [:]
    var leases: [Int64: Lease] = [:]
    var expiries: [Int64: Int64] = [:]
    var dead: [String: Int64] = [:]
    var memory = Memory()
    var run: String?
    var fence: Int64 = 0
    var alive: Int64 = 0
    var check: Int64 = 0
    var hold: Int64 = 0
    var isPaused = false
    /// Whether any job was ever of another priority than normal.
    var isBanded = false
    /// Unique keys and the jobs that have them.
    var unique: [String: String] = [:]
    /// Order keys and the jobs of them that are not held back.
    var heads: [String: String] = [:]
    /// Those held back, by their keys and in their order, with the time they are due or 0.
    var ordered: [String: [Held]] = [:]
    /// Order keys with a rate, by the time from which on their next job may start.
    var rates: [String: Int64] = [:]
    /// What running jobs have said of themselves, of those that are still there.
    var notes: [String: Notes] = [:]
    /// Completed jobs whose records stay, by their time.
    var kept: [String: Int64] = [:]
    var keptMilliseconds: Int64 = 0
    var keptCount = 0
    /// Open batches by name.
    var batches: [String: Batch] = [:]
    /// What has come of batches so far.
    var batchEnds: [BatchEnd: Int] = [:]
    /// Jobs of batches that have ended in this step, in their order; nobody after it.
    var leavers: [Leaver] = []

    // MARK: Enqueue

    /// The code of each job, as the script gives it.
    mutating func enqueue(_ new: [New], now: Int64, lengthMax: Int = 0) -> String {
        let room = lengthMax == 0 ? Int.max : lengthMax - jobs.count + dead.count + kept.count
        return admit(new, as: self, room: room, now: now)
    }

    /// The same for jobs that follow others in an acknowledgement, whose codes tell how all was before it. Those `unwanted`
    /// come with a job that is not under its lease any more; those `ending` end in it.
    mutating func admit(
        _ new: [New], as before: QueueModel, room: Int, unwanted: Set<Int> = [], ending: Set<String> = [], now: Int64
    ) -> String {
        var codes = ""
        var room = room
        var added: Set<String> = []
        var taken = before.planUnique(new, unwanted: unwanted, ending: ending)
        for id in taken.ends { endOrFlag(id, now: now) }
        var lineUps: [(id: String, due: Int64)] = []
        for (index, job) in new.enumerated() {
            let code: String
            if unwanted.contains(index) {
                code = "-"
            } else if let found = before.jobs[job.id] ?? (added.contains(job.id) ? jobs[job.id] : nil) {
                let state = before.jobs[job.id] == nil ? "l" : before.state(of: job.id)
                code = found.payload == job.payload ? state : state.uppercased()
            } else if let entry = before.memory.entry(of: job.id) {
                code = entry.dropLast() == job.payload ? String(entry.suffix(1)) : entry.suffix(1).uppercased()
            } else if let first = taken.again[index] {
                code = String(Array(codes)[first])
            } else if !before.isBatchOpen(job) {
                code = "n"
            } else if taken.refused.contains(index) {
                code = "u"
            } else if room <= 0, !taken.replacing.contains(index) {
                code = "o"
            } else if let later = taken.replaced[index] {
                code = "a"
                if !taken.replacing.contains(index) { room -= 1 }
                taken.replacing.insert(later)
            } else {
                code = "a"
                if !taken.replacing.contains(index) { room -= 1 }
                if let unique = job.unique { self.unique[unique.key] = job.id }
                added.insert(job.id)
                jobs[job.id] = Job(
                    payload: job.payload, maxAttempts: job.maxAttempts, priority: job.priority,
                    deadline: job.lifetime.map { now + $0 }, unique: job.unique, orderKey: job.orderKey,
                    places: job.places, interval: job.interval, burst: job.burst, batch: job.batch)
                if let batch = job.batch { batches[batch]?.out.insert(job.id) }
                if job.orderKey != nil {
                    lineUps.append((job.id, job.delay > 0 ? now + job.delay : 0))
                } else if job.delay > 0 {
                    scheduled[member(job.id, isAlone: false)] = now + job.delay
                    if check == 0 || now + job.delay < check { check = now + job.delay }
                } else {
                    ready[job.priority, default: []].append(job.id)
                }
            }
            codes += code
        }
        for (id, due) in lineUps { lineUp(id, due, isAlone: false, now: now) }
        leaveBatches(now: now)
        if codes.contains("a"), new.contains(where: { $0.priority != .normal }) { isBanded = true }
        return codes
    }

    struct Taken {
        var refused: Set<Int> = []
        var replaced: [Int: Int] = [:]
        var again: [Int: Int] = [:]
        var replacing: Set<Int> = []
        var ends: [String] = []
    }

    /// What becomes of unique keys: as the jobs are before the call.
    func planUnique(_ new: [New], unwanted: Set<Int>, ending: Set<String>) -> Taken {
        var taken = Taken()
        var mine: [String: Int] = [:]
        for (index, job) in new.enumerated() where !unwanted.contains(index) {
            guard jobs[job.id] == nil, memory.entry(of: job.id) == nil, isBatchOpen(job) else { continue }
            if new.contains(where: { $0.unique != nil }),
                let first = new.indices.first(where: {
                    $0 < index && new[$0].id == job.id && isBatchOpen(new[$0]) && !unwanted.contains($0)
                })
            {
                taken.again[index] = first
                continue
            }
            guard let unique = job.unique else { continue }
            let earlier = mine[unique.key]
            var holder = earlier == nil ? holder(of: unique.key) : nil
            if holder.map(ending.contains) == true { holder = nil }
            if unique.mode == .reject, earlier != nil || holder != nil {
                taken.refused.insert(index)
                continue
            }
            if let earlier {
                taken.replaced[earlier] = index
            } else if let holder, unique.mode == .replace || state(of: holder) == "s" {
                taken.ends.append(holder)
                taken.replacing.insert(index)
            }
            mine[unique.key] = index
        }
        return taken
    }

    func holder(of key: String) -> String? {
        guard let id = unique[key], let job = jobs[id], job.unique?.key == key, !job.isCancelled, dead[id] == nil
        else { return nil }
        return kept[id] == nil ? id : nil
    }

    mutating func cancel(_ id: String, now: Int64) {
        endOrFlag(id, now: now)
        leaveBatches(now: now)
    }

    mutating func endOrFlag(_ id: String, now: Int64) {
        guard let job = jobs[id], dead[id] == nil, kept[id] == nil, !job.isCancelled else { return }
        memory.note(id, job.payload + "x", now: now)
        for name in [member(id, isAlone: false), "!" + id] where scheduled.removeValue(forKey: name) != nil {
            end(id, .withoutSuccess, now: now)
            return
        }
        jobs[id]?.isCancelled = true
        // It runs no more, so it may wait with others.
        jobs[id]?.diedAlone = false
    }

    /// The job is gone, and its key is free.
    mutating func end(_ id: String, _ end: Leaver.End, now: Int64) {
        release(id, end, now: now)
        jobs[id] = nil
    }

    mutating func release(_ id: String, _ end: Leaver.End, now: Int64) {
        if let batch = jobs[id]?.batch { leavers.append(Leaver(batch: batch, id: id, end: end)) }
        if let key = jobs[id]?.unique?.key, unique[key] == id { unique[key] = nil }
        guard let key = jobs[id]?.orderKey,
            let place = Self.places(of: key, 64).first(where: { heads[$0] == id })
        else { return }
        heads[place] = nil
        for _ in 0..<10 {
            guard let next = ordered[key]?.first, let job = jobs[next.id],
                let free = Self.places(of: key, job.places).first(where: { heads[$0] == nil })
            else { return }
            heads[free] = next.id
            ordered[key]?.removeFirst()
            if ordered[key]?.isEmpty == true { ordered[key] = nil }
            put(next.id, due: start(next.id, due: next.due, now: now), isAlone: job.diedAlone, now: now)
            if job.places == 1 { return }
        }
    }

    static func places(of key: String, _ count: Int) -> [String] {
        (1...count).map { $0 == 1 ? key : "\(key) \($0)" }
    }

    mutating func lineUp(_ id: String, _ due: Int64, isAlone: Bool, now: Int64) {
        if let key = jobs[id]?.orderKey {
            guard let free = Self.places(of: key, jobs[id]?.places ?? 1).first(where: { heads[$0] == nil }) else {
                ordered[key, default: []].append(Held(id: id, due: due))
                return
            }
            heads[free] = id
        }
        put(id, due: start(id, due: due, now: now), isAlone: isAlone, now: now)
    }

    mutating func put(_ id: String, due: Int64, isAlone: Bool, now: Int64) {
        jobs[id]?.diedAlone = false
        if due > now {
            scheduled[member(id, isAlone: isAlone)] = due
            if check == 0 || due < check { check = due }
        } else if isAlone {
            alone.append(id)
        } else {
            putReady(id)
        }
    }

    mutating func dropCancelled(_ ids: [String], now: Int64) -> [String] {
        let cancelled = ids.filter { jobs[$0]?.isCancelled == true }
        for id in cancelled {
            end(id, .withoutSuccess, now: now)
            leaveBatches(now: now)
        }
        return ids.filter { !cancelled.contains($0) }
    }

    func state(of id: String) -> String {
        if jobs[id]?.isCancelled == true { return "x" }
        if kept[id] != nil { return "c" }
        if dead[id] != nil { return jobs[id]?.isQuarantined == true ? "q" : "d" }
        return scheduled[member(id, isAlone: false)] != nil || scheduled["!" + id] != nil ? "s" : "l"
    }

    static let letters: [PriorityBand: String] = [.urgent: "\"", .high: "#", .low: "$"]

    func member(_ id: String, isAlone: Bool) -> String {
        isAlone ? "!" + id : (Self.letters[jobs[id]?.priority ?? .normal] ?? "") + id
    }

    mutating func putReady(_ id: String) { ready[jobs[id]?.priority ?? .normal, default: []].append(id) }

    mutating func putReadyFirst(_ ids: [String]) {
        for id in ids.reversed() { ready[jobs[id]?.priority ?? .normal, default: []].insert(id, at: 0) }
    }

    // MARK: Lease

    /// The fence of what was leased, or `nil`.
    mutating func lease(
        now: Int64, run: String, token: String, max: Int, mayTakeAlone: Bool
    ) -> Int64? {
        // What follows a batch that ends within may be the first of another priority; the next lease sees that.
        let isBanded = isBanded
        keepUp(now: now, run: run)
        guard !isPaused else { return nil }
        var ids: [String] = []
        var isAlone = false
        if mayTakeAlone, !alone.isEmpty {
            ids = dropCancelled([alone.removeFirst()], now: now)
            isAlone = !ids.isEmpty
        }
        if ids.isEmpty {
            let next = self.run == run ? fence + 1 : Swift.max(fence + 1, now << 11)
            ids = dropCancelled(takeReady(fence: next, max: max, isBanded: isBanded), now: now)
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

    mutating func takeReady(fence: Int64, max: Int, isBanded: Bool) -> [String] {
        let ranks: [PriorityBand] = [.urgent, .high, .normal, .low]
        let first = isBanded ? ranks[[8, 12, 14, 15].firstIndex { fence % 15 < $0 } ?? 0] : .normal
        var ids: [String] = []
        for priority in isBanded ? [first] + ranks.filter({ $0 != first }) : [first] {
            let taken = (ready[priority] ?? []).prefix(max - ids.count)
            ready[priority]?.removeFirst(taken.count)
            ids += taken
        }
        return ids
    }

    /// Those under a lease whose deadline has passed.
    func expired(_ fence: Int64, now: Int64) -> Set<String> {
        Set((leases[fence]?.ids ?? []).filter { (jobs[$0]?.deadline ?? .max) <= now })
    }

    mutating func extend(_ fence: Int64, now: Int64) {
        breathe(now: now)
        expiries[fence] = now + leaseMilliseconds
    }

    // MARK: Upkeep

    mutating func keepUp(now: Int64, run: String) {
        breathe(now: now)
        guard check != 0, now >= check else { return }
        if keptMilliseconds > 0 { trimKept(now: now, toCount: false) }
        trimRates(now: now)
        for (member, due) in scheduled.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) where due <= now {
            scheduled[member] = nil
            if member.hasPrefix("!") {
                alone.append(String(member.dropFirst()))
            } else {
                putReady(Self.id(ofMember: member))
            }
        }
        if now >= hold { reap(now: now, run: run) }
        let expiry = expiries.values.min().map { Swift.max($0, hold) }
        let gone = kept.values.min().map { $0 + keptMilliseconds }
        check = [scheduled.values.min(), expiry, gone].compactMap(\.self).min() ?? 0
    }

    mutating func breathe(now: Int64) {
        guard !leases.isEmpty else { return }
        let wasStill = now - alive > leaseMilliseconds / 2
        if wasStill { hold = now + leaseMilliseconds }
        if wasStill || now - alive > leaseMilliseconds / 10 { alive = now }
    }

    mutating func reap(now: Int64, run: String) {
        for (fence, expiry) in expiries.sorted(by: { ($0.value, "\($0.key)") < ($1.value, "\($1.key)") })
        where expiry <= now {
            expiries[fence] = nil
            guard let lease = leases.removeValue(forKey: fence) else { continue }
            if lease.run != run {
                if lease.isAlone { alone = lease.ids + alone } else { putReadyFirst(lease.ids) }
            } else if lease.isAlone {
                for id in lease.ids { crash(id, now: now) }
            } else {
                alone += lease.ids
            }
        }
    }

    mutating func crash(_ id: String, now: Int64) {
        if jobs[id]?.isCancelled == true {
            alone.append(id)
            return
        }
        jobs[id]?.crashes += 1
        jobs[id]?.failures += 1
        guard let job = jobs[id], job.crashes >= crashesMax else {
            alone.append(id)
            return
        }
        jobs[id]?.isQuarantined = true
        jobs[id]?.diedAlone = true
        release(id, .dead, now: now)
        dead[id] = now
        leaveBatches(now: now)
    }

    static func id(ofMember member: String) -> String {
        (33...36).contains(member.utf8.first ?? 0) ? String(member.dropFirst()) : member
    }
}
