import Core
import EventLoop
import Glibc
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Random commands against a real Redis and the pure model, compared after each step.
///
/// A failure prints its seed; `TRIBUTARY_SEED=<seed> swift test --filter ModelTests` runs it again. What depends on time
/// may differ then: the commands are the same, the moments are not.
struct ModelTests {
    init() { Loop.startThread() }

    private static var seeds: [UInt64] {
        if let text = getenv("TRIBUTARY_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
        return [1, 2, 3, .random(in: 4 ... .max)]
    }

    /// A dozen times as long as a step takes here.
    @Loop private static func lease() async throws -> Duration {
        let fixture = try await QueueFixture.make()
        var walk = ModelWalk(fixture: fixture, random: Seeded(state: 0), isPlain: true)
        let begin = Loop.monotonicMilliseconds
        for _ in 0..<10 { _ = try await walk.difference() }
        return .milliseconds(min(1000, max(30, (Loop.monotonicMilliseconds - begin) * 12 / 10)))
    }

    @Loop @Test(arguments: seeds)
    func randomCommandsLeaveRedisAsTheModelSays(seed: UInt64) async throws {
        // Leases that are long beside a step, however slow this machine is: else all would seem to stand still.
        let lease = try await Self.lease()
        let fixture = try await QueueFixture.make { $0.lease = lease }
        // Every other walk without what most queues do not use.
        var walk = ModelWalk(fixture: fixture, random: Seeded(state: seed), isPlain: seed.isMultiple(of: 2))
        // Until it has seen what it is for, and some time more.
        var step = 0
        while step < 1500 || (!walk.hasSeenAll && step < 10_000) {
            step += 1
            let command = try await walk.step()
            if let difference = try await walk.difference() {
                Issue.record("seed \(seed), step \(step), \(command.prefix(300)): \(difference)")
                return
            }
        }
        #expect(walk.hasSeenAll, "seed \(seed) saw only \(walk.seen)")
    }
}

/// One random walk: chooses a command, gives it to Redis and to the model.
@Loop
struct ModelWalk {
    enum Sight: CaseIterable {
        case added, conflict, leasedAlone, stale, died, quarantined, redriven, restarted, held
        // Not in plain walks.
        case otherPriority, expired, duplicate, full, cancelled, heldBack, kept, slowedDown, noted
    }

    private let fixture: QueueFixture
    private let isPlain: Bool
    private var random: Seeded
    private var model: QueueModel
    private var run = "run-0"
    private var runs = 0
    private var steps = 0
    /// Leases as workers know them, some of them past.
    private var known: [(fence: Int64, token: String, ids: [String])] = []
    private(set) var seen: Set<Sight> = []
    private let name = QueueName.conversions

    init(fixture: QueueFixture, random: Seeded, isPlain: Bool) {
        self.fixture = fixture
        self.isPlain = isPlain
        self.random = random
        model = QueueModel(
            leaseMilliseconds: fixture.configuration.lease.milliseconds, crashesMax: fixture.configuration.crashesMax)
        if !isPlain { (model.keptMilliseconds, model.keptCount) = (60, 8) }
    }

    private var context: QueueContext { fixture.queue.context }

    var hasSeenAll: Bool {
        let rare: Set<Sight> =
            isPlain
            ? [.otherPriority, .expired, .duplicate, .full, .cancelled, .heldBack, .kept, .slowedDown, .noted] : []
        return seen.union(rare).count == Sight.allCases.count
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func step() async throws -> String {
        steps += 1
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<25: return try await enqueue()
        case 25..<55: return try await lease()
        case 55..<80: return try await settle()
        case 80..<87: return !isPlain && chance(60) ? try await note() : try await tick()
        case 87..<92: return try await extend()
        case 92..<95: return try await operate()
        case 95..<97: return try await pause()
        case 97: return restart()
        case 98 where !isPlain: return try await cancel()
        default: return try await wait()
        }
    }

    private mutating func enqueue() async throws -> String {
        let jobs = (0..<Int.random(in: 1...6, using: &random)).map { _ in newJob() }
        let news = jobs.map { job in
            NewJob.test(
                job.id, name, payload: job.payload, maxAttempts: job.maxAttempts, priority: job.priority,
                lifetime: job.lifetime.map { .milliseconds($0) }, unique: job.unique,
                orderKey: job.places == 1 && job.interval == 0 ? job.orderKey : nil, limit: limit(of: job))
        }
        let lengthMax = !isPlain && chance(20) ? Int.random(in: 1...30, using: &random) : 0
        let uses = news.reduce(into: JobUses()) { $0.formUnion($1.uses) }
        if uses.contains(.bands) { seen.insert(.otherPriority) }
        var arguments: [RedisArgument] = [
            "0", RedisArgument(QueueKeys.count), RedisArgument(jobs.count), uses.options(of: name),
            RedisArgument(lengthMax),
        ]
        for (job, new) in zip(jobs, news) {
            arguments += [.string(job.id), .integer(job.delay), .bytes(JobRecord.body(of: new))]
        }
        let answer = try await context.run(QueueScript.enqueue, name, shard: 0, arguments)[0]
        let codes = answer?.string ?? answer?[0]?.string ?? ""
        let now = try await self.now(of: jobs, codes)
        if codes.contains("a") { seen.insert(.added) }
        let expected = model.enqueue(jobs, now: now, lengthMax: lengthMax)
        if model.rates.values.contains(where: { $0 > now + 1 }) { seen.insert(.slowedDown) }
        if codes.contains("u") { seen.insert(.duplicate) }
        if codes.contains("o") { seen.insert(.full) }
        if expected != codes { throw TestSupportError("enqueue answered \(codes), not \(expected)") }
        if codes != codes.lowercased() { seen.insert(.conflict) }
        return "enqueue \(jobs)"
    }

    private func limit(of job: QueueModel.New) -> KeyLimit? {
        guard let key = job.orderKey, job.places > 1 || job.interval > 0 else { return nil }
        guard job.interval > 0 else { return KeyLimit(key, places: job.places) }
        let rate = KeyLimit.Rate(1, per: .milliseconds(job.interval), burst: Int(job.burst))
        return KeyLimit(key, places: job.places, rate: rate)
    }

    /// The script's time stands in the records it made; 0 when it made none.
    private func now(of jobs: [QueueModel.New], _ codes: String) async throws -> Int64 {
        // A job that another of the call replaced has no record, and its name may come again in the call.
        for (job, code) in zip(jobs, codes).reversed() where code == "a" {
            let bytes = try await fixture.connection.command(["HGET", fixture.key("jobs", name), .string(job.id)]).bytes
            if let bytes, let record = JobRecord(bytes) { return record.enqueuedAt.rawValue }
        }
        return 0
    }

    private mutating func newJob() -> QueueModel.New {
        let delay = chance(70) ? Int64(0) : Int64.random(in: 1...25, using: &random)
        var job = QueueModel.New(
            id: "job-\(steps / 40)-\(Int.random(in: 0..<15, using: &random))",
            payload: chance(90) ? "payload" : "other", delay: delay, maxAttempts: Int.random(in: 1...3, using: &random),
            priority: .normal, lifetime: nil, unique: nil, orderKey: nil)
        guard !isPlain else { return job }
        if chance(50) { job.priority = PriorityBand.allCases.randomElement(using: &random) ?? .normal }
        if chance(20) { job.lifetime = delay + Int64.random(in: 1...200, using: &random) }
        if chance(25) {
            job.unique = UniqueKey(
                "key-\(Int.random(in: 0..<5, using: &random))",
                UniqueKey.Mode.allCases.randomElement(using: &random) ?? .reject)
        }
        if chance(30) {
            let number = Int.random(in: 0..<4, using: &random)
            job.orderKey = "order-\(number)"
            // Of one key they do not always agree.
            job.places = number < 2 ? 1 : chance(80) ? number : Int.random(in: 1...4, using: &random)
            // Whole milliseconds, of which the model can count.
            if number == 3 || (number == 1 && chance(20)) {
                job.interval = Int64.random(in: 1...12, using: &random)
                job.burst = Int64.random(in: 1...3, using: &random)
            }
        }
        return job
    }

    private mutating func lease() async throws -> String {
        guard model.leases.count < 15 else { return "no lease" }
        let token = Lease.text(ofToken: random.next())
        let max = Int.random(in: 1...5, using: &random)
        let alone = chance(50)
        let answer = try await context.run(
            QueueScript.lease, name, shard: 0,
            [
                .string(run), .string(token), "worker", .integer(model.leaseMilliseconds), RedisArgument(max),
                alone ? "1" : "0", RedisArgument(model.crashesMax), "0",
            ])
        guard let now = answer[2]?.integer else { throw TestSupportError("no time") }
        noteQuarantined(answer[9])
        let fence = model.lease(now: now, run: run, token: token, max: max, mayTakeAlone: alone)
        noteHold(now)
        let leased = fence.flatMap { model.leases[$0] }
        let ids = (answer[7]?.string ?? "").split(separator: " ").map(String.init)
        if ids != leased?.ids ?? [] || (fence ?? 0) != answer[1]?.integer {
            throw TestSupportError("leased \(ids), not \(leased?.ids ?? [])")
        }
        if let fence, let leased {
            known.append((fence, token, leased.ids))
            if known.count > 20 { known.removeFirst() }
            if leased.isAlone { seen.insert(.leasedAlone) }
            let expired = Set(answer[10]?.array?.compactMap(\.string) ?? [])
            if expired != model.expired(fence, now: now) { throw TestSupportError("expired were \(expired)") }
            if !expired.isEmpty { seen.insert(.expired) }
        }
        return "lease \(max) alone \(alone)"
    }

    private mutating func settle() async throws -> String {
        guard let lease = known.randomElement(using: &random) else { return "nothing to settle" }
        var completed: [String] = []
        var others: [(id: String, verdict: QueueModel.Verdict)] = []
        for id in lease.ids where chance(80) {
            switch Int.random(in: 0..<(isPlain ? 10 : 11), using: &random) {
            case 10: others.append((id, .expire))
            case 0..<5 where model.jobs[id]?.unique != nil || model.jobs[id]?.orderKey != nil:
                others.append((id, .complete))
            case 0..<5: completed.append(id)
            case 5, 6: others.append((id, .retry(delay: chance(50) ? 0 : Int64.random(in: 1...20, using: &random))))
            case 7: others.append((id, .bury))
            case 8: others.append((id, .giveBack))
            default: others.append((id, .snooze(delay: Int64.random(in: 0...20, using: &random))))
            }
        }
        let isForged = chance(3)
        let token = isForged ? "0000000000000000" : lease.token
        var arguments: [RedisArgument] = [
            "1", 43_200_000, 1_000_000, "0", .integer(model.keptMilliseconds), RedisArgument(model.keptCount), "1",
            .integer(lease.fence), .string(token),
            RedisArgument(completed.count), RedisArgument(others.count),
        ]
        arguments += completed.map { .string($0) }
        for id in completed {
            let digest = JobDigest.of(kind: "test.v1", payload: Array((model.jobs[id]?.payload ?? "").utf8))
            arguments.append(.bytes(JobRecord.bytes(ofDigest: digest)))
        }
        for (id, verdict) in others {
            let (letter, delay): (RedisArgument, Int64) =
                switch verdict {
                case .retry(let delay): ("r", delay)
                case .bury: ("b", 0)
                case .complete: ("c", 0)
                case .giveBack: ("g", 0)
                case .expire: ("e", 0)
                case .snooze(let delay): ("s", delay)
                }
            arguments += [.string(id), letter, .integer(delay), "message"]
        }
        let answer = try await context.run(QueueScript.settle, name, shard: 0, arguments)
        guard let now = answer[2]?.integer, let stale = answer[0]?.array, let died = answer[1]?.array else {
            throw TestSupportError("no answer")
        }
        let staleIDs = Set(stride(from: 1, to: stale.count, by: 2).compactMap { stale[$0].string })
        let verdicts = completed.map { (id: $0, verdict: QueueModel.Verdict.complete) } + others
        let expected = model.settle(fence: lease.fence, token: token, verdicts, now: now)
        if staleIDs != expected.stale || Set(died.compactMap(\.string)) != expected.died {
            throw TestSupportError("settle answered \(answer), not \(expected)")
        }
        if !staleIDs.isEmpty { seen.insert(.stale) }
        if !died.isEmpty { seen.insert(.died) }
        if !model.kept.isEmpty { seen.insert(.kept) }
        if !model.ordered.isEmpty { seen.insert(.heldBack) }
        return "settle \(lease.fence) \(verdicts)"
    }

    private mutating func tick() async throws -> String {
        let answer = try await context.run(
            QueueScript.tick, name, shard: 0,
            [.string(run), .integer(model.leaseMilliseconds), RedisArgument(model.crashesMax), "0"])
        guard let now = answer[0]?.integer else { throw TestSupportError("no time") }
        noteQuarantined(answer[5])
        model.keepUp(now: now, run: run)
        noteHold(now)
        return "tick"
    }

    private mutating func extend() async throws -> String {
        guard let lease = known.randomElement(using: &random), model.leases[lease.fence] != nil else {
            return "no lease"
        }
        let answer = try await context.run(
            QueueScript.extend, name, shard: 0,
            [.integer(model.leaseMilliseconds), .integer(lease.fence), .string(lease.token)])
        let score = try await fixture.connection.command([
            "ZSCORE", fixture.key("expiries", name), .integer(lease.fence),
        ])
        guard answer[0]?.string == "+", let expiry = score.integer else { throw TestSupportError("not extended") }
        model.extend(lease.fence, now: expiry - model.leaseMilliseconds)
        return "extend \(lease.fence)"
    }

    private mutating func operate() async throws -> String {
        guard let id = model.dead.keys.sorted().randomElement(using: &random) else { return "none is dead" }
        // The script does not say its time, which decides when a job of a key with a rate may start.
        if chance(60), model.jobs[id]?.interval == 0 {
            _ = try await context.run(QueueScript.redrive, name, shard: 0, [.string(id), "0"])
            model.redrive(id)
            seen.insert(.redriven)
            return "redrive \(id)"
        }
        _ = try await context.run(QueueScript.discard, name, shard: 0, ["1", .string(id)])
        model.delete(id)
        return "delete \(id)"
    }

    private mutating func cancel() async throws -> String {
        guard let id = model.jobs.keys.sorted().randomElement(using: &random) else { return "nothing to cancel" }
        // The script does not say its time, which decides where the next one goes that has a due time.
        if let key = model.jobs[id]?.orderKey,
            model.ordered[key]?.contains(where: { $0.due > 0 || model.jobs[$0.id]?.interval != 0 }) == true
        {
            return "no cancel"
        }
        _ = try await context.run(QueueScript.cancel, name, shard: 0, [.string(id), "1"])
        model.cancel(id, now: 0)
        if model.jobs[id] == nil || model.jobs[id]?.isCancelled == true { seen.insert(.cancelled) }
        return "cancel \(id)"
    }

    private mutating func note() async throws -> String {
        let alive = known.filter { model.leases[$0.fence] != nil }
        guard let lease = (chance(80) ? alive : known).randomElement(using: &random),
            let id = lease.ids.randomElement(using: &random)
        else {
            return "nothing to note"
        }
        let progress = chance(50) ? Int.random(in: 0...1000, using: &random) : nil
        let line = chance(70) ? "step \(steps)" : nil
        let answer = try await context.run(
            QueueScript.note, name, shard: 0,
            [
                .integer(lease.fence), .string(lease.token), .string(id), progress.map { RedisArgument($0) } ?? "",
                .string(line ?? ""),
            ])
        let expected = model.note(fence: lease.fence, token: lease.token, id: id, progress: progress, line: line)
        if answer.integer != (expected ? 1 : 0) { throw TestSupportError("note answered \(answer)") }
        if expected { seen.insert(.noted) }
        return "note \(id)"
    }

    private mutating func pause() async throws -> String {
        // Rarely paused, and soon resumed.
        let paused = !model.isPaused && chance(30)
        _ = try await context.run(QueueScript.pause, name, shard: 0, [paused ? "1" : "0"])
        model.isPaused = paused
        return paused ? "pause" : "resume"
    }

    /// Redis says another run id from here on, as after a restart.
    private mutating func restart() -> String {
        guard chance(30) else { return "nothing" }
        runs += 1
        run = "run-\(runs)"
        seen.insert(.restarted)
        return "restart"
    }

    /// Lets some time pass, so that leases expire and jobs become due.
    private mutating func wait() async throws -> String {
        let end = Loop.monotonicMilliseconds + Int64.random(in: 1...model.leaseMilliseconds * 2 / 3, using: &random)
        try await eventually { Loop.monotonicMilliseconds >= end }
        return "wait"
    }

    private mutating func noteQuarantined(_ value: RedisValue?) {
        if value?.array?.isEmpty == false { seen.insert(.quarantined) }
    }

    private mutating func noteHold(_ now: Int64) {
        if model.hold > now { seen.insert(.held) }
    }

    // MARK: Comparison

    /// What Redis holds that the model does not, or the other way round; `nil` when they agree.
    mutating func difference() async throws -> String? {
        model.dropNotes()
        if let broken = model.brokenInvariant() { return broken }
        var found = QueueModel(leaseMilliseconds: model.leaseMilliseconds, crashesMax: model.crashesMax)
        // All of it in one round trip.
        async let ready = fixture.strings("LRANGE", fixture.key("ready", name), 0, -1)
        async let uniqueFields = fixture.strings("HGETALL", fixture.key("unique", name))
        async let urgent = fixture.strings("LRANGE", fixture.key("urgent", name), 0, -1)
        async let high = fixture.strings("LRANGE", fixture.key("high", name), 0, -1)
        async let low = fixture.strings("LRANGE", fixture.key("low", name), 0, -1)
        async let alone = fixture.strings("LRANGE", fixture.key("alone", name), 0, -1)
        async let scheduled = scores("scheduled")
        async let dead = scores("dead")
        async let expiries = scores("expiries")
        async let leaseFields = fixture.strings("HGETALL", fixture.key("leases", name))
        async let jobs = fixture.connection.command(["HGETALL", fixture.key("jobs", name)])
        async let meta = fixture.connection.command([
            "HMGET", fixture.key("meta", name), "run", "fence", "alive", "check", "hold", "paused",
        ])
        for (priority, ids) in [
            (PriorityBand.normal, try await ready), (.urgent, try await urgent), (.high, try await high),
            (.low, try await low),
        ] where !ids.isEmpty || model.ready[priority] != nil {
            found.ready[priority] = ids
        }
        found.isBanded = model.isBanded
        try await readOrder(into: &found)
        found.rates = try await scores("rates")
        try await readNotes(into: &found)
        found.kept = try await scores("kept")
        (found.keptMilliseconds, found.keptCount) = (model.keptMilliseconds, model.keptCount)
        let keys = try await uniqueFields
        for index in stride(from: 0, to: keys.count, by: 2) { found.unique[keys[index]] = keys[index + 1] }
        found.alone = try await alone
        found.scheduled = try await scheduled
        found.dead = try await dead
        for (fence, expiry) in try await expiries { found.expiries[Int64(fence) ?? 0] = expiry }
        let leases = try await leaseFields
        for index in stride(from: 0, to: leases.count, by: 2) {
            let lines = leases[index + 1].split(separator: "\n")
            let head = lines[0].split(separator: " ").map(String.init)
            found.leases[Int64(leases[index]) ?? 0] = QueueModel.Lease(
                token: head[0], isAlone: head[1] == "1", run: head[2],
                ids: lines[1].split(separator: " ").map(String.init))
        }
        try read(jobs: try await jobs, into: &found)
        try read(meta: try await meta, into: &found)
        found.remembered = model.remembered
        if found == model { return nil }
        return QueueModel.parts(of: found, otherThanIn: model)
    }

    private func readOrder(into found: inout QueueModel) async throws {
        let heads = try await fixture.strings("HGETALL", fixture.key("heads", name))
        for index in stride(from: 0, to: heads.count, by: 2) { found.heads[heads[index]] = heads[index + 1] }
        for member in try await fixture.strings("ZRANGE", fixture.key("ordered", name), 0, -1) {
            let parts = member.split(separator: " ").map(String.init)
            found.ordered[parts[0], default: []].append(
                QueueModel.Held(id: parts[3], due: Int64(parts[2]) ?? -1))
        }
    }

    private func readNotes(into found: inout QueueModel) async throws {
        let fields = try await fixture.connection.command(["HGETALL", fixture.key("notes", name)]).array ?? []
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let id = fields[index].string, let notes = fields[index + 1].bytes.flatMap(JobNotes.init) else {
                throw TestSupportError("unreadable notes")
            }
            found.notes[id] = QueueModel.Notes(
                progress: notes.progress.map { Int(($0 * 1000).rounded()) }, lines: notes.log.map(\.text))
        }
    }

    private func scores(_ suffix: String) async throws -> [String: Int64] {
        let values = try await fixture.strings("ZRANGE", fixture.key(suffix, name), 0, -1, "WITHSCORES")
        var scores: [String: Int64] = [:]
        for index in stride(from: 0, to: values.count, by: 2) { scores[values[index]] = Int64(values[index + 1]) }
        return scores
    }

    private func read(jobs: RedisValue, into found: inout QueueModel) throws {
        let fields = jobs.array ?? []
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let id = fields[index].string, let bytes = fields[index + 1].bytes, let record = JobRecord(bytes)
            else {
                throw TestSupportError("an unreadable record")
            }
            // The history keeps five; the model counts them all. Whether it died alone shows at its redrive only.
            let known = model.jobs[id]
            found.jobs[id] = QueueModel.Job(
                payload: String(decoding: record.payload, as: UTF8.self), attempt: record.attempt,
                crashes: record.crashes, maxAttempts: record.maxAttempts,
                failures: record.failures.count == 5 ? max(5, known?.failures ?? 5) : record.failures.count,
                isQuarantined: record.isQuarantined, priority: record.priority, deadline: record.deadline?.rawValue,
                unique: record.extent.unique, orderKey: record.extent.orderKey, places: Int(record.extent.places),
                interval: Int64(record.extent.startIntervalMicroseconds) / 1000, burst: Int64(record.extent.burst),
                isCancelled: bytes[9] & 4 != 0,
                diedAlone: known?.diedAlone ?? false)
        }
    }

    private func read(meta: RedisValue, into found: inout QueueModel) throws {
        let values = meta.array ?? []
        guard values.count == 6 else { throw TestSupportError("no meta") }
        found.run = values[0].string
        found.fence = values[1].integer ?? 0
        found.alive = values[2].integer ?? 0
        found.check = values[3].integer ?? 0
        found.hold = values[4].integer ?? 0
        found.isPaused = values[5].string == "1"
    }
}
