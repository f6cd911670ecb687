import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// What a queue must bear: very many jobs at once, and for very long. The numbers are those of `docs/queue.md`.
@Suite("Known failures: load")
struct KnownFailureLoadTests {
    init() { Loop.startThread() }

    private static let million = 1_000_000
    /// Far above what one capped step takes on a busy machine, far below what one script for all of them would.
    private static let scriptMicrosecondsMax: Int64 = 100_000

    /// A million jobs come due at the same moment: each call promotes 200 of them, and between two calls Redis is free.
    @Loop @Test("known failure 7: a million jobs due at once are promoted in steps that nobody feels")
    func aMillionDueJobsStallNobody() async throws {
        let redis = try await PrivateRedis.start(options: ["--appendonly", "no"])
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        try await fixture.fillWithScheduled(Self.million)
        #expect(try await fixture.queue.stats(.webhooks).sum.scheduled == Self.million)
        try await fixture.connection.commandOK("CONFIG", "SET", "slowlog-log-slower-than", "1000")
        try await fixture.connection.commandOK("CONFIG", "SET", "slowlog-max-len", "100000")
        try await fixture.connection.commandOK("SLOWLOG", "RESET")
        let bystander = try await fixture.another()
        var ready = 0
        var steps = 0
        let watching = Task { @Loop in
            var longest: Int64 = 0
            while !Task.isCancelled {
                let start = Loop.monotonicMilliseconds
                _ = try await bystander.connection.command(["PING"])
                longest = max(longest, Loop.monotonicMilliseconds - start)
            }
            return longest
        }
        while ready < Self.million {
            // Workers ask as soon as they are told that something is due still.
            let answers = try await fixture.ticks(10)
            for answer in answers {
                guard answer.readyLeft - ready <= 200 else { throw TestSupportError("one step took too many") }
                ready = answer.readyLeft
                if ready < Self.million, answer.nextCheck != .zero {
                    throw TestSupportError("what is due still is not told")
                }
            }
            steps += answers.count
            try #require(steps < 2 * Self.million / 200)
        }
        watching.cancel()
        let longestWait = try await watching.value
        let slow = try await fixture.connection.command(["SLOWLOG", "GET", -1]).array ?? []
        let durations = slow.compactMap { $0[2]?.integer }
        let longest = durations.max() ?? 0
        let tooLong = durations.count { $0 > 5000 }
        print(
            "a million due jobs: \(steps) steps, longest script \(longest) µs, \(tooLong) above 5 ms, "
                + "longest wait of another \(longestWait) ms"
        )
        // Redis' clock runs on while others have its core: a step that does too much would be among many.
        #expect(tooLong <= steps / 100)
        #expect(longest < Self.scriptMicrosecondsMax)
        #expect(longestWait < 1000)
        #expect(try await fixture.queue.tick(.webhooks, shard: 0).nextCheck == nil)
        #expect(try await fixture.queue.stats(.webhooks).sum.ready == Self.million)
    }

    /// Full jitter: what failed together does not come back together.
    @Loop @Test("known failure 8: a thousand jobs that fail together come back spread over the whole backoff")
    func aHerdOfRetriesIsSpread() async throws {
        let fixture = try await QueueFixture.make()
        let policy = RetryPolicy()
        var random = SeededGenerator(seed: 8)
        let attempt = 6
        _ = try await fixture.queue.enqueue(NewJob.tests(1000))
        var verdicts: [(job: LeasedJob, verdict: JobVerdict)] = []
        while let batch = try await fixture.lease(max: 500) {
            for job in batch.jobs {
                let wait = policy.delay(afterAttempt: attempt, random: &random)
                verdicts.append((job, .retry(after: wait, error: "the receiver is down")))
            }
        }
        _ = try await fixture.queue.settle(verdicts)
        let scores = try await fixture.strings("ZRANGE", fixture.key("scheduled"), 0, -1, "WITHSCORES")
        let dues = stride(from: 1, to: scores.count, by: 2).compactMap { Int64(scores[$0]) }
        try #require(dues.count == 1000)
        let start = try #require(dues.min())
        // 32 s after the sixth failure: a tenth of them in each tenth of it, give or take five standard deviations.
        let span = policy.ceiling(afterAttempt: attempt).milliseconds
        #expect(span == 32_000)
        var tenths = [Int](repeating: 0, count: 10)
        for due in dues { tenths[min(9, Int((due - start) * 10 / span))] += 1 }
        #expect(tenths.allSatisfy { (52...148).contains($0) }, "\(tenths)")
    }

    struct Cost: Equatable {
        var commands: [String: Int]
        var microseconds: Int
    }

    /// What Redis does to lease, extend and settle one batch of ten.
    @Loop private func costOfABatch(_ fixture: QueueFixture) async throws -> Cost {
        var least = Cost(commands: [:], microseconds: .max)
        for _ in 0..<20 {
            _ = try await fixture.queue.enqueue((0..<10).map { .test("one-\($0)", .commissions) })
            try await fixture.connection.commandOK("CONFIG", "RESETSTAT")
            let batch = try #require(try await fixture.lease(.commissions, max: 10))
            let lease = batch.jobs[0].lease
            _ = try await fixture.queue.context.run(
                QueueScript.extend, .commissions, shard: 0,
                [60_000, .integer(lease.fence), .string(Lease.text(ofToken: lease.token))])
            // One by one, as a job that is slow among quick ones.
            _ = try await fixture.queue.complete([batch.jobs[3]])
            _ = try await fixture.queue.complete(batch.jobs.filter { $0.id != "one-3" })
            let cost = try await fixture.scriptCost()
            if cost.microseconds < least.microseconds { least = cost }
        }
        return least
    }

    @Loop @Test("known failure 9: with 20,000 jobs in flight a batch costs what it costs with none")
    func inFlightJobsCostNothing() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.lease = .seconds(600) }
        let alone = try await costOfABatch(fixture)
        for round in 0..<40 {
            _ = try await fixture.queue.enqueue((0..<500).map { .test("held-\(round)-\($0)", .commissions) })
            for _ in 0..<5 { try await fixture.abandon(try await fixture.lease(.commissions, max: 100)) }
        }
        #expect(try await fixture.queue.stats(.commissions).sum.leased == 20_000)
        let crowded = try await costOfABatch(fixture)
        #expect(alone.commands == crowded.commands)
        // None that goes through what is there.
        for name in ["lrem", "lrange", "keys", "hgetall", "hkeys", "hvals", "smembers", "sort", "lpos", "linsert"] {
            #expect(crowded.commands[name] == nil, "\(name)")
        }
        #expect(crowded.microseconds < 4 * alone.microseconds + 200, "\(alone), \(crowded)")
    }

    /// Rounds of jobs that use everything a queue has; only a fixed number of keys and fields stays.
    @Loop @Test("known failure 10: after thousands of jobs of every feature a queue holds what it held after the first")
    func nothingGrows() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.rememberedCount = 200 }
        var sizes: [[String: Int64]] = []
        for round in 0..<30 {
            try await roundOfEverything(fixture, round)
            if round >= 5 { sizes.append(try await fixture.sizes()) }
        }
        #expect(Set(sizes.map { $0["meta"] }).count == 1)
        // The marker for waiting workers, of which there are none here, and rates that are not over yet.
        let last = try #require(sizes.last)
        for key in last.keys { #expect(["meta", "wake", "done0", "done1", "rates"].contains(key), "\(key) stays") }
        #expect((last["done0"] ?? 0) + (last["done1"] ?? 0) <= 400)
        #expect((last["rates"] ?? 0) <= 60)
    }

    @Loop private func roundOfEverything(_ fixture: QueueFixture, _ round: Int) async throws {
        let name = QueueName.conversions
        let batch = JobBatch(
            id: "batch-\(round)", queue: name, shardKey: "key", onSuccess: .test("success-\(round)", name),
            onCompletion: .test("completion-\(round)", name))
        _ = try await fixture.queue.open(batch)
        let rate = KeyLimit.Rate(1000, per: .seconds(1), burst: 100)
        let jobs = (0..<100).map { number in
            let id = "job-\(round)-\(number)"
            return switch number % 6 {
            case 0: NewJob.test(id, name, priority: .high, lifetime: .seconds(600))
            case 1: NewJob.test(id, name, unique: UniqueKey("unique-\(round)-\(number)"))
            case 2: NewJob.test(id, name, orderKey: "order-\(round)-\(number % 3)")
            case 3: NewJob.test(id, name, limit: KeyLimit("key-\(round)", places: 20, rate: rate))
            case 4: NewJob.test(id, name, batch: "batch-\(round)")
            default: NewJob.test(id, name, delay: .milliseconds(1))
            }
        }
        _ = try await fixture.queue.enqueue(jobs)
        _ = try await fixture.queue.seal(batch)
        var ended = 0
        while ended < 102 {
            guard let leased = try await fixture.lease(name) else { continue }
            for job in leased.jobs.prefix(3) { _ = try await fixture.queue.note(job, progress: 0.5, line: "half-way") }
            let buried = round.isMultiple(of: 3) ? leased.jobs.filter { $0.id.hasSuffix("7") } : []
            _ = try await fixture.queue.complete(leased.jobs.filter { job in !buried.contains { $0.id == job.id } })
            for job in buried { _ = try await fixture.queue.bury(job, reason: "for an operator") }
            _ = try await fixture.queue.delete(try await fixture.queue.deadLetters(name).jobs)
            ended += leased.jobs.count
        }
    }
}

extension RedisClient {
    fileprivate func commandOK(_ words: String...) async throws {
        _ = try await command(words.map { .string($0) })
    }
}

extension QueueFixture {
    /// Jobs that came due a while ago, made by Redis itself from the record of one: a producer takes longer.
    fileprivate func fillWithScheduled(_ count: Int) async throws {
        _ = try await queue.enqueue(.test("model", delay: .seconds(60)))
        let script = """
            local record = redis.call('HGET', KEYS[1], 'model')
            for first = tonumber(ARGV[1]), tonumber(ARGV[2]), 1000 do
              local records, dues = {}, {}
              for number = first, first + 999 do
                records[#records + 1] = 'job-' .. number
                records[#records + 1] = record
                dues[#dues + 1] = ARGV[3]
                dues[#dues + 1] = 'job-' .. number
              end
              redis.call('HSET', KEYS[1], unpack(records))
              redis.call('ZADD', KEYS[2], unpack(dues))
            end
            """
        for first in stride(from: 0, to: count, by: 50_000) {
            _ = try await connection.command([
                "EVAL", .string(script), 2, key("jobs"), key("scheduled"), RedisArgument(first),
                RedisArgument(first + 49_999), 1000,
            ])
        }
        _ = try await connection.command(["ZREM", key("scheduled"), "model"])
        _ = try await connection.command(["HDEL", key("jobs"), "model"])
        _ = try await connection.command(["HSET", key("meta"), "check", 1])
    }

    /// Looks of several workers, sent in one turn.
    fileprivate func ticks(_ count: Int) async throws -> [LeaseAnswer] {
        let tasks = (0..<count).map { _ in Task { @Loop in try await queue.tick(.webhooks, shard: 0) } }
        var answers: [LeaseAnswer] = []
        for task in tasks { answers.append(try await task.value) }
        return answers
    }

    /// Commands within scripts and the time of the scripts, since the counts were reset.
    func scriptCost() async throws -> KnownFailureLoadTests.Cost {
        var commands: [String: Int] = [:]
        var microseconds = 0
        for (name, stat) in try await commandStats() {
            if name == "evalsha" || name == "eval" {
                microseconds += stat.microseconds
            } else if !["info", "config|resetstat", "ping"].contains(name) {
                commands[name] = stat.calls
            }
        }
        return KnownFailureLoadTests.Cost(commands: commands, microseconds: microseconds)
    }

    /// How much stands in each key of `conversions` that is there.
    fileprivate func sizes() async throws -> [String: Int64] {
        let prefix = "\(configuration.prefix):{0}:conversions:"
        var sizes: [String: Int64] = [:]
        for key in try await strings("KEYS", .string("\(prefix)*")) {
            let type = try await connection.command(["TYPE", .string(key)]).string ?? ""
            let command: RedisArgument = type == "hash" ? "HLEN" : type == "zset" ? "ZCARD" : "LLEN"
            sizes[String(key.dropFirst(prefix.count))] = try await integer(command, .string(key))
        }
        return sizes
    }
}
