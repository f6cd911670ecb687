import Core
import EventLoop
import Glibc
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Random commands against a real Redis and the pure model, compared after each step.
///
/// A failure prints its seed; `TRIBUTARY_SEED=<seed> swift test --filter ModelTests` runs it again, step for step: the
/// scripts go by a clock that the walk sets.
struct ModelTests {
    init() { Loop.startThread() }

    private static var seeds: [UInt64] {
        if let text = getenv("TRIBUTARY_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
        return [1, 2, 3, 5, .random(in: 6 ... .max)]
    }

    @Loop @Test(arguments: seeds)
    func randomCommandsLeaveRedisAsTheModelSays(seed: UInt64) async throws {
        // A dozen steps of the walk's clock.
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(30) }
        // Every other walk without what most queues do not use.
        var walk = try await ModelWalk(fixture: fixture, random: Seeded(state: seed), isPlain: seed.isMultiple(of: 2))
        // Until it has seen what it is for, and some time more.
        var step = 0
        while step < 4000 || (!walk.missing.isEmpty && step < 10_000) {
            step += 1
            do {
                let command = try await walk.step()
                walk.noteSights()
                if let difference = try await walk.difference() {
                    throw TestSupportError("after \(command.prefix(300)): \(difference)")
                }
            } catch {
                Issue.record("seed \(seed), step \(step): \(error)")
                return
            }
        }
        let missing = walk.missing
        #expect(missing.isEmpty, "seed \(seed) never saw \(missing)")
    }
}

/// One random walk: chooses a command, gives it to Redis and to the model.
@Loop
struct ModelWalk {
    enum Sight: CaseIterable {
        case added, conflict, leasedAlone, stale, died, quarantined, redriven, restarted, held, forgotten
        case followed, unwanted
        // Not in plain walks.
        case otherPriority, expired, duplicate, full, cancelled, heldBack, kept, slowedDown, noted
        case batchEnded, batchSucceeded, batchSucceededAfterRedrive, batchFailed, followedInBatch, keyPassedOn
    }

    let fixture: QueueFixture
    let isPlain: Bool
    var random: Seeded
    var model: QueueModel
    private(set) var now: Int64 = 1_800_000_000_000
    var run = "run-0"
    var runs = 0
    private(set) var steps = 0
    /// Leases as workers know them, some of them past.
    var known: [KnownLease] = []
    /// All jobs that have ended so far, in their order.
    private(set) var ended: [String] = []
    private var everEnded: Set<String> = []
    var seen: Set<Sight> = []
    let name = QueueName.conversions

    init(fixture: QueueFixture, random: Seeded, isPlain: Bool) async throws {
        self.fixture = fixture
        self.isPlain = isPlain
        self.random = random
        model = QueueModel(
            leaseMilliseconds: fixture.configuration.lease.milliseconds, crashesMax: fixture.configuration.crashesMax)
        (model.memory.milliseconds, model.memory.count) = (400, 40)
        if !isPlain { (model.keptMilliseconds, model.keptCount) = (60, 8) }
        try SteppedClock.take(fixture.queue.context)
        try await pass(0)
    }

    /// Moves the clock.
    mutating func pass(_ milliseconds: Int64) async throws {
        now += milliseconds
        _ = try await fixture.connection.command(["SET", SteppedClock.key(fixture, name), .integer(now)])
    }

    var context: QueueContext { fixture.queue.context }

    /// What the walk is for and has not come across so far.
    var missing: Set<Sight> {
        let rare: Set<Sight> = [
            .otherPriority, .expired, .duplicate, .full, .cancelled, .heldBack, .kept, .slowedDown, .noted,
            .batchEnded, .batchSucceeded, .batchSucceededAfterRedrive, .batchFailed, .followedInBatch, .keyPassedOn,
        ]
        return Set(Sight.allCases).subtracting(seen).subtracting(isPlain ? rare : [])
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func noteEnds() {
        for end in model.memory.ends.suffix(10) where everEnded.insert(end.id).inserted { ended.append(end.id) }
    }

    mutating func step() async throws -> String {
        steps += 1
        try await pass(.random(in: 0...5, using: &random))
        if chance(25), let command = try await steer() { return command }
        switch Int.random(in: 0..<100, using: &random) {
        // A line that only grows would let no batch come to its end.
        case 0..<20 where model.jobs.count - model.dead.count < 40: return try await enqueue()
        case 0..<48: return try await lease()
        case 48..<78: return try await settle()
        case 78..<84: return !isPlain && chance(60) ? try await note() : try await tick()
        case 84..<88: return isPlain ? try await tick() : try await batch()
        case 88..<92: return try await extend()
        case 92..<95: return try await operate()
        case 95..<97: return try await pause()
        case 97: return restart()
        case 98 where !isPlain: return try await cancel()
        default: return try await wait()
        }
    }

    private mutating func enqueue() async throws -> String {
        let jobs = (0..<Int.random(in: 1...6, using: &random)).map { _ in newJob() }
        let news = jobs.map(newJob(of:))
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
        if codes.contains("a") { seen.insert(.added) }
        if zip(jobs, codes).contains(where: { $0.1 == "a" && everEnded.contains($0.0.id) }) { seen.insert(.forgotten) }
        let expected = model.enqueue(jobs, now: now, lengthMax: lengthMax)
        if model.rates.values.contains(where: { $0 > now + 1 }) { seen.insert(.slowedDown) }
        if codes.contains("u") { seen.insert(.duplicate) }
        if codes.contains("o") { seen.insert(.full) }
        if codes.contains("n") { seen.insert(.batchEnded) }
        if expected != codes { throw TestSupportError("enqueue answered \(codes), not \(expected)") }
        if codes != codes.lowercased() { seen.insert(.conflict) }
        return "enqueue \(jobs)"
    }

    /// Its delay is told apart.
    func newJob(of job: QueueModel.New) -> NewJob {
        .test(
            job.id, name, payload: job.payload, maxAttempts: job.maxAttempts, priority: job.priority,
            lifetime: job.lifetime.map { .milliseconds($0) }, unique: job.unique,
            orderKey: job.places == 1 && job.interval == 0 ? job.orderKey : nil, limit: limit(of: job),
            batch: job.batch)
    }

    private func limit(of job: QueueModel.New) -> KeyLimit? {
        guard let key = job.orderKey, job.places > 1 || job.interval > 0 else { return nil }
        guard job.interval > 0 else { return KeyLimit(key, places: job.places) }
        let rate = KeyLimit.Rate(1, per: .milliseconds(job.interval), burst: Int(job.burst))
        return KeyLimit(key, places: job.places, rate: rate)
    }

    mutating func newJob() -> QueueModel.New {
        let delay = chance(70) ? Int64(0) : Int64.random(in: 1...25, using: &random)
        // Some come again after a while.
        let era = max(0, steps / 40 - (chance(80) ? 0 : Int.random(in: 1...8, using: &random)))
        let another = "job-\(era)-\(Int.random(in: 0..<15, using: &random))"
        // And some when they were forgotten.
        let id = chance(4) ? ended.randomElement(using: &random) ?? another : another
        var job = QueueModel.New(
            id: id,
            payload: chance(90) ? "payload" : "other", delay: delay, maxAttempts: Int.random(in: 1...3, using: &random),
            priority: .normal, lifetime: nil, unique: nil, orderKey: nil)
        guard !isPlain else { return job }
        if chance(50) { job.priority = PriorityBand.allCases.randomElement(using: &random) ?? .normal }
        if chance(35) { job.batch = batchToJoin() }
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

    mutating func lease() async throws -> String {
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
        guard answer[2]?.integer == now else { throw TestSupportError("another time") }
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
}
