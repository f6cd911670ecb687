import Core
import EventLoop
import Glibc
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Worker processes and Redis are killed and stopped at random while jobs flow; then the ledger is read.
struct KillLoopTests {
    init() { Loop.startThread() }

    private static let jobCount = 1500
    private static let strikesMax = 30

    /// What an owner's rows say: the jobs whose effects are owed.
    @Loop private func owed(_ processes: WorkerProcesses, _ ids: [String]) async throws -> [NewJob] {
        let effects = try await processes.counts("effects")
        return ids.filter { effects[$0] == nil }.map { .test($0, shardKey: $0) }
            + ids.filter { effects[$0] != nil && effects["next-\($0)"] == nil }.map {
                .test("next-\($0)", .notifications, shardKey: "next-\($0)")
            }
    }

    @Loop private func sweep(_ processes: WorkerProcesses, _ ids: [String]) async throws -> Int {
        let jobs = try await owed(processes, ids)
        do throws(QueueError) {
            let outcomes = try await processes.fixture.queue.enqueue(jobs)
            #expect(
                outcomes.allSatisfy { $0 == .added || $0 == .exists(state: .live) || $0 == .exists(state: .scheduled) })
        } catch {
            // The next sweep says it again.
            #expect(error.isUnreachableStore)
        }
        return jobs.count
    }

    /// What the fleet's sweep does after a restart.
    @Loop private func renew(_ fixture: QueueFixture) async throws {
        #expect(try await fixture.queue.renewAppendOnlyFiles() == 1)
        try await eventually { try await fixture.isFileRewritten() }
    }

    @Loop @Test func everyJobTakesEffectOnceThoughWorkersAndRedisAreKilled() async throws {
        let seed = SeededGenerator.seedOfThisRun
        var random = SeededGenerator(seed: seed)
        let processes = try await WorkerProcesses.make(lease: .milliseconds(400), appendfsync: .everysec)
        defer { processes.stop() }
        var file = try AppendOnlyFile(of: processes.redis)
        var workers = try (0..<3).map { try processes.start("worker-\($0)") }
        defer { for worker in workers { worker.kill() } }
        let ids = (0..<Self.jobCount).map { "job-\($0)" }
        var (kills, stops, losses, strikes, given) = (0, 0, 0, 0, 0)
        var open = Self.jobCount
        let begin = Loop.monotonicMilliseconds
        while open > 0 {
            guard Loop.monotonicMilliseconds - begin < 60_000 else {
                throw TestSupportError("seed \(seed): \(open) of \(2 * Self.jobCount) effects are missing after 60 s")
            }
            // Jobs come all the while.
            given = min(ids.count, given + 50)
            open = try await sweep(processes, Array(ids[..<given])) + ids.count - given
            let pause = Loop.monotonicMilliseconds + Int64.random(in: 30...250, using: &random)
            try await eventually { Loop.monotonicMilliseconds >= pause }
            strikes += 1
            guard strikes <= Self.strikesMax else { continue }
            let number = Int.random(in: 0..<workers.count, using: &random)
            switch strikes.isMultiple(of: 8) ? 10 : Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                workers[number].kill()
                workers[number] = try processes.start("worker-\(number)-\(strikes)")
                kills += 1
            case 6..<10:
                workers[number].pause()
                let end = Loop.monotonicMilliseconds + 600
                try await eventually { Loop.monotonicMilliseconds >= end }
                workers[number].resume()
                stops += 1
            default:
                losses += 1
                processes.redis.kill()
                // The last second may be gone: here up to 20 kB of it, which is some dozens of jobs.
                let lost = Int.random(in: 0...20_000, using: &random)
                try file.cut(toBytes: max(0, file.byteCount - lost))
                try await processes.fixture.restart()
                try await renew(processes.fixture)
                file = try AppendOnlyFile(of: processes.redis)
            }
        }
        try await judge(processes, ids, losses: losses, "seed \(seed)")
        print("kill loop: seed \(seed), \(kills) kills, \(stops) stops, \(losses) restarts with a lost tail")
        #expect(kills > 0 && stops > 0 && losses > 0)
    }

    @Loop private func judge(
        _ processes: WorkerProcesses, _ ids: [String], losses: Int, _ seed: String
    ) async throws {
        let fixture = processes.fixture
        // What lies about still was done before: by a worker that was killed before it could say so.
        for name in [QueueName.webhooks, .notifications] {
            var sum = try await fixture.queue.stats(name).sum
            do {
                try await eventually(within: .seconds(20)) {
                    sum = try await fixture.queue.stats(name).sum
                    return sum.ready + sum.leased + sum.suspects + sum.scheduled == 0
                }
            } catch {
                let findings = try await fixture.queue.check(name).findings
                throw TestSupportError("\(seed): \(name) does not run empty: \(sum); \(findings)")
            }
            #expect(sum.dead == 0 && sum.failedTotal == 0, "\(seed): an attempt was spent")
            let findings = try await fixture.queue.check(name).findings
            #expect(findings.isEmpty, "\(seed)")
        }
        let effects = try await processes.counts("effects")
        #expect(Set(effects.keys) == Set(ids + ids.map { "next-\($0)" }), "\(seed)")
        // A run that counted is the only one that did, unless Redis forgot that it had.
        let acknowledged = try await processes.counts("acknowledged")
        #expect(acknowledged.allSatisfy { $0.value <= 1 + losses }, "\(seed)")
        let again = acknowledged.values.count { $0 > 1 }
        #expect(again <= losses * 400, "\(seed): \(again) jobs were acknowledged more than once")
    }
}
