import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// What a Redis that is killed, cut short, full or busy may take with it. The numbers are those of `docs/queue.md`.
@Suite("Known failures: loss")
struct KnownFailureLossTests {
    init() { Loop.startThread() }

    /// A change of the queue that is one script.
    struct Change: Sendable, CustomTestStringConvertible {
        var name: String
        var script: RedisScript
        var prepare: @Loop @Sendable (QueueFixture) async throws -> [LeasedJob]
        var run: @Loop @Sendable (QueueFixture, [LeasedJob]) async throws -> Void
        var testDescription: String { name }
    }

    static let changes = [
        Change(
            name: "promotion and reaping", script: QueueScript.tick,
            prepare: { fixture in
                _ = try await fixture.queue.enqueue(NewJob.tests(3) + [.test("due", delay: .seconds(60))])
                try await fixture.abandon(try await fixture.lease())
                // Somebody looks, so that Redis does not seem to have stood still.
                _ = try await fixture.queue.tick(.webhooks, shard: 0)
                try await fixture.expireLeases()
                try await fixture.makeDue()
                return []
            }, run: { fixture, _ in _ = try await fixture.queue.tick(.webhooks, shard: 0) }),
        Change(
            name: "lease", script: QueueScript.lease,
            prepare: { fixture in
                _ = try await fixture.queue.enqueue(NewJob.tests(3))
                return []
            }, run: { fixture, _ in try await fixture.abandon(try await fixture.lease()) }),
        Change(
            name: "acknowledgement, retry and follow-up", script: QueueScript.settle,
            prepare: { fixture in
                _ = try await fixture.queue.enqueue(NewJob.tests(4))
                let batch = try await fixture.lease()
                try await fixture.abandon(batch)
                return batch?.jobs ?? []
            },
            run: { fixture, jobs in
                _ = try await fixture.queue.settle([
                    (job: jobs[0], verdict: .complete(followUps: [.test("next", .notifications)])),
                    (job: jobs[1], verdict: .retry(after: .seconds(60), error: "x")),
                    (job: jobs[2], verdict: .bury(reason: "x")), (job: jobs[3], verdict: .giveBack),
                ])
            }),
    ]

    private struct Places: Equatable {
        var webhooks: QueuePlaces
        var notifications: QueuePlaces
    }

    @Loop private func places(_ fixture: QueueFixture) async throws -> Places {
        Places(webhooks: try await fixture.places(), notifications: try await fixture.places(.notifications))
    }

    /// Power is lost at each moment of writing a change down: afterwards all of it has happened, or none.
    @Loop
    @Test("known failures 2 and 5: a change whose tail is lost has happened whole or not at all", arguments: changes)
    func aChangeIsWholeWhereverTheFileIsCut(change: Change) async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.lease = .seconds(60) }
        let file = try AppendOnlyFile(of: redis)
        let jobs = try await change.prepare(fixture)
        let start = file.byteCount
        let before = try await places(fixture)
        try await change.run(fixture, jobs)
        let after = try await places(fixture)
        try #require(before != after)
        redis.kill()
        let bytes = try file.contents()
        fixture.connection.close()
        var seen: [Bool] = []
        let step = max(1, (bytes.count - start) / 14)
        for end in Set(stride(from: start, to: bytes.count, by: step)).union([bytes.count - 1, bytes.count]).sorted() {
            redis.kill()
            try file.replace(with: bytes[..<end])
            try await redis.restart()
            let reborn = try await fixture.another()
            let found = try await places(reborn)
            #expect(found == before || found == after, "cut after \(end - start) bytes of \(bytes.count - start)")
            #expect(try await reborn.queue.check(.webhooks).findings.isEmpty)
            seen.append(found == after)
            reborn.connection.close()
        }
        #expect(seen.first == false && seen.last == true)
    }

    /// A script is stopped at each of its commands. Before its first write Redis lets an operator end it; after it only a kill
    /// of Redis does, which has not written any of it down.
    @Loop @Test("known failure 12: a script that is killed half-way has changed nothing", arguments: changes)
    func aScriptKilledAtAnyCommandChangesNothing(change: Change) async throws {
        let redis = try await PrivateRedis.start(options: ["--busy-reply-threshold", "10"])
        defer { redis.stop() }
        let setup = try await QueueFixture.make(on: redis) { $0.lease = .seconds(60) }
        let jobs = try await change.prepare(setup)
        let before = try await places(setup)
        var kills = [0, 0]
        for number in 1..<100 {
            let victim = try await setup.another { $0.settlePatience = .zero }
            let operators = try await setup.another()
            victim.queue.context.replacements[change.script.name] = Self.hanging(change.script, at: number)
            var hasEnded = false
            let lost = Task { @Loop in
                defer { hasEnded = true }
                try await change.run(victim, jobs)
            }
            // It ended before the command of that number: all of them were tried.
            guard try await hangs(operators, orEnded: { hasEnded }) else {
                try await lost.value
                #expect(try await places(setup) != before)
                break
            }
            var wasKilled = true
            do throws(RedisError) {
                _ = try await operators.connection.command(["SCRIPT", "KILL"])
            } catch {
                wasKilled = false
                try await setup.restart()
            }
            kills[wasKilled ? 0 : 1] += 1
            _ = await lost.result
            victim.connection.close()
            operators.connection.close()
            #expect(try await places(setup) == before, "at command \(number)")
        }
        #expect(kills[0] > 2 && kills[1] > 2, "\(kills)")
        #expect(try await setup.queue.check(.webhooks).findings.isEmpty)
    }

    /// The script, standing still for ever before its command of that number.
    private static func hanging(_ script: RedisScript, at number: Int) -> RedisScript {
        let source = script.source.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line != "local call = redis.call"
                ? String(line)
                : """
                local calls = 0
                local function call(...)
                  calls = calls + 1
                  while calls == \(number) do end
                  return redis.call(...)
                end
                """
        }
        return RedisScript(name: script.name, source: source.joined(separator: "\n"))
    }

    @Loop private func hangs(_ fixture: QueueFixture, orEnded ended: () -> Bool) async throws -> Bool {
        while true {
            do throws(RedisError) {
                _ = try await fixture.connection.command(["PING"])
                if ended() { return false }
            } catch {
                guard error.kind == .busy else { throw error }
                return true
            }
        }
    }

    @Loop @Test("known failure 12: while another's script keeps Redis busy no attempt is spent")
    func aBusyRedisIsWaitedFor() async throws {
        let redis = try await PrivateRedis.start(options: ["--busy-reply-threshold", "10"])
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(try await fixture.lease())
        let culprit = try await fixture.another()
        let operators = try await fixture.another()
        let endless = Task { @Loop in
            _ = try await culprit.connection.command(["EVAL", "while true do end", 0])
        }
        try #require(try await hangs(operators) { false })
        let refused = await #expect(throws: QueueError.self) { try await fixture.queue.enqueue(.test("b")) }
        #expect(refused?.isUnreachableStore == true && refused?.mayHaveHappened == false)
        let settlement = Task { @Loop in try await fixture.queue.complete(batch.jobs) }
        _ = try await operators.connection.command(["SCRIPT", "KILL"])
        #expect(try await settlement.value.stale.isEmpty)
        await #expect(throws: RedisError.self) { try await endless.value }
        #expect(try await fixture.queue.enqueue(.test("b")) == .added)
        #expect(try await fixture.lease()?.jobs.map(\.attempt) == [1])
    }

    /// With `appendfsync everysec` a loss of power takes the last second. What it takes is repeated, and counts nothing.
    @Loop @Test("known failure 5: after a restart with a lost tail jobs run again and owed ones are enqueued again")
    func aLostTailIsRepeated() async throws {
        let redis = try await PrivateRedis.start(appendfsync: .everysec)
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.lease = .milliseconds(200) }
        let file = try AppendOnlyFile(of: redis)
        _ = try await fixture.queue.enqueue([.test("done"), .test("running")])
        let first = try #require(try await fixture.lease())
        // Redis may be a little late with its writing.
        try await eventually { try await fixture.hasWrittenAll() }
        let bytes = file.byteCount
        _ = try await fixture.queue.complete([first.jobs[0]])
        _ = try await fixture.queue.enqueue(.test("lost"))
        try await eventually { file.byteCount > bytes }
        redis.kill()
        try file.cut(toBytes: bytes)
        try await fixture.restart()
        // Its row owes it still.
        #expect(try await fixture.queue.enqueue(.test("lost")) == .added)
        #expect(try await fixture.queue.enqueue(.test("done")) == .exists(state: .live))
        try await fixture.abandon(first)
        var ran: [String] = []
        while ran.count < 3 {
            try await fixture.tickUntil { $0.readyLeft + $0.suspectsLeft > 0 }
            let batch = try #require(try await fixture.lease())
            #expect(batch.jobs.allSatisfy { $0.attempt == 1 && $0.crashes == 0 && $0.fence > first.jobs[0].fence })
            #expect(try await fixture.queue.complete(batch.jobs) == Settlement())
            ran += batch.jobs.map(\.id)
        }
        #expect(ran.sorted() == ["done", "lost", "running"])
        #expect(try await fixture.queue.complete(first.jobs).stale.count == 2)
        #expect(try await fixture.queue.check(.webhooks).findings.isEmpty)
    }
}

extension QueueFixture {
    fileprivate func hasWrittenAll() async throws -> Bool {
        let info = try await connection.command(["INFO", "persistence"]).string ?? ""
        return info.contains("aof_buffer_length:0") && info.contains("aof_pending_bio_fsync:0")
    }
}
