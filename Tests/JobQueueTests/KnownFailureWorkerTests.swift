import Core
import EventLoop
import Glibc
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// What a worker that stands still, comes back or has a clock of its own may do to others. The numbers are those of
/// `docs/queue.md`.
@Suite("Known failures: workers")
struct KnownFailureWorkerTests {
    init() { Loop.startThread() }

    /// A worker process is stopped while it runs a job, and goes on after another one has taken that job.
    @Loop @Test("known failure 3: a process that stood still past its lease acknowledges nothing of another's")
    func aStoppedProcessIsRefusedWhenItReturns() async throws {
        let processes = try await WorkerProcesses.make(lease: .milliseconds(300))
        defer { processes.stop() }
        let (fixture, shard) = (processes.fixture, processes.fixture.configuration.shard(of: "key"))
        let stopped = try processes.start("stopped", isGated: true)
        defer { stopped.kill() }
        _ = try await fixture.queue.enqueue(.test("a"))
        try await eventually { try await processes.began().count == 1 }
        stopped.pause()
        // The lease ends, and this process takes the job, alone.
        var taken: LeaseBatch?
        try await eventually {
            taken = try await fixture.queue.lease(.webhooks, shard: shard, max: 10, mayTakeAlone: true).batch
            return taken != nil
        }
        let job = try #require(taken?.jobs.first)
        let fence = try await processes.began()[0].fence
        #expect(job.lease.isAlone && job.fence > fence)
        stopped.resume()
        _ = try await processes.ledger.command(["RPUSH", "gate", "go"])
        try await eventually { try await processes.counts("stale") == ["a": 1] }
        // It is this process' attempt still, and its acknowledgement counts.
        #expect(try await fixture.queue.find("a", in: .webhooks)?.state == .leased)
        #expect(try await fixture.queue.complete([job]) == Settlement())
        #expect(try await processes.counts("acknowledged").isEmpty)
        #expect(try await fixture.queue.stats(.webhooks).sum.completedTotal == 1)
        // A follow-up of a refused acknowledgement is none.
        #expect(try await fixture.queue.find("next-a", in: .notifications) == nil)
    }

    /// The same, but that Redis comes back without the lease and with an earlier fence meanwhile.
    @Loop @Test("known failure 3: the same after a restart that rolled the fence back")
    func aStoppedProcessIsRefusedAfterALossToo() async throws {
        let processes = try await WorkerProcesses.make(lease: .seconds(5))
        defer { processes.stop() }
        let (fixture, shard) = (processes.fixture, processes.fixture.configuration.shard(of: "key"))
        let file = try AppendOnlyFile(of: processes.redis)
        _ = try await fixture.queue.enqueue(.test("a"))
        let bytes = file.byteCount
        let stopped = try processes.start("stopped", isGated: true)
        defer { stopped.kill() }
        try await eventually { try await processes.began().count == 1 }
        stopped.pause()
        processes.redis.kill()
        try file.cut(toBytes: bytes)
        try await fixture.restart()
        let answer = try await fixture.queue.lease(.webhooks, shard: shard, max: 10, mayTakeAlone: true)
        let job = try #require(answer.batch?.jobs.first)
        #expect(job.id == "a" && job.crashes == 0 && job.attempt == 1)
        let fence = try await processes.began()[0].fence
        #expect(job.fence > fence)
        stopped.resume()
        _ = try await processes.ledger.command(["RPUSH", "gate", "go"])
        try await eventually { try await processes.counts("stale") == ["a": 1] }
        #expect(try await fixture.queue.complete([job]) == Settlement())
    }

    /// Everything a process says to Redis, word by word.
    private final class Overheard {
        var words: [[UInt8]] = []
        private var bytes: [UInt8] = []

        func hear(_ more: ArraySlice<UInt8>) { bytes += more }

        /// The bulk strings of what was heard.
        func parse() {
            var position = 0
            while position < bytes.count {
                guard let end = bytes[position...].firstIndex(of: 13) else { return }
                let head = bytes[position..<end]
                position = end + 2
                guard head.first == UInt8(ascii: "$"),
                    let count = Int(String(decoding: head.dropFirst(), as: UTF8.self))
                else { continue }
                words.append(Array(bytes[position..<position + count]))
                position += count + 2
            }
        }

        /// Words that are a time of about now, in seconds, milliseconds, microseconds or nanoseconds.
        func times() -> [String] {
            let now = time(nil)
            return words.compactMap { word in
                guard let number = Int64(String(decoding: word, as: UTF8.self)) else { return nil }
                let isTime = [1, 1000, 1_000_000, 1_000_000_000].contains { scale in
                    abs(number / Int64(scale) - Int64(now)) < 86_400 * 400 && number / Int64(scale) > 1_000_000_000
                }
                return isTime ? String(number) : nil
            }
        }
    }

    @Loop @Test("known failure 11: no time of a worker's clock ever goes to Redis")
    func noWorkersClockGoesToRedis() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(90) }
        let proxy = try TestProxy(to: fixture.redis.port)
        defer { proxy.close() }
        let overheard = Overheard()
        proxy.onPassed = { direction, bytes in if direction == .towardsServer { overheard.hear(bytes) } }
        let connection = RedisClient(
            try RedisConfiguration(host: proxy.host, port: proxy.port), purpose: "overheard")
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
        let queue = JobQueue(connection: connection, configuration: fixture.configuration)
        _ = try await queue.enqueue(
            NewJob.tests(8) + [
                .test("later", delay: .seconds(5)), .test("deadline", lifetime: .seconds(60)),
                .test("ordered", orderKey: "key"),
                .test("rated", limit: KeyLimit("rated", places: 2, rate: KeyLimit.Rate(5, per: .seconds(1)))),
            ])
        let batch = try #require(try await queue.lease(.webhooks, shard: 0, max: 100, mayTakeAlone: true).batch)
        let jobs = batch.jobs
        // Until a heartbeat has gone out.
        let begin = Loop.monotonicMilliseconds
        try await eventually { Loop.monotonicMilliseconds - begin > 60 }
        _ = try await queue.note(jobs[0], progress: 0.5, line: "line")
        _ = try await queue.settle([
            (job: jobs[0], verdict: .complete(followUps: [.test("next", .notifications, delay: .seconds(1))])),
            (job: jobs[1], verdict: .retry(after: .seconds(2), error: "x")),
            (job: jobs[2], verdict: .snooze(.seconds(3))), (job: jobs[3], verdict: .bury(reason: "x")),
        ])
        _ = try await queue.tick(.webhooks, shard: 0)
        _ = try await queue.redriveAll(.webhooks, dryRun: false)
        _ = try await queue.cancel("later", in: .webhooks)
        overheard.parse()
        let scripts = overheard.words.filter { ["EVAL", "EVALSHA"].contains(String(decoding: $0, as: UTF8.self)) }
        #expect(scripts.count >= 7)
        #expect(overheard.times() == [])
        // The ear is good.
        _ = try await connection.command(["ECHO", .integer(Int64(time(nil)) * 1000)])
        overheard.parse()
        #expect(!overheard.times().isEmpty)
    }

    /// How a waiting worker may lose its connections.
    enum Loss: CaseIterable { case killedByTheServer, reset, silent, restarted }

    @Loop @Test("known failure 14: a worker that lost its connections fetches again", arguments: Loss.allCases)
    func aWorkerMovesAgain(loss: Loss) async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        // Looks, which would find the job as well, come each 20 s.
        let fixture = try await QueueFixture.make(on: redis) { $0.lease = .seconds(60) }
        let proxy = try TestProxy(to: redis.port)
        defer { proxy.close() }
        func connect(_ purpose: String) async throws -> RedisClient {
            var configuration = try RedisConfiguration(host: proxy.host, port: proxy.port)
            configuration.replyTimeout = .milliseconds(300)
            configuration.idlePing = .milliseconds(100)
            let connection = RedisClient(configuration, purpose: purpose)
            connection.start()
            try await connection.waitUntilReady(within: .seconds(10))
            return connection
        }
        let queue = JobQueue(connection: try await connect("queue"), configuration: fixture.configuration)
        let wake = try await connect("wake")
        let source = LeaseSource(queue: queue, name: .webhooks, wakeConnection: wake)
        source.start()
        let waiting = Task { @Loop in await source.next(max: 10) }
        func isBlocked() async throws -> Bool {
            try await fixture.connection.command(["INFO", "clients"]).string?.contains("blocked_clients:1\r\n") == true
        }
        try await eventually { try await isBlocked() }
        let connections = proxy.acceptedCount
        switch loss {
        case .killedByTheServer:
            _ = try await fixture.connection.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        case .reset: proxy.cutNow()
        case .silent:
            proxy.goSilent()
            try await eventually { !queue.connection.isReady }
            proxy.forwardAgain()
            // What blocks is silent by nature, and known to be dead much later: its network forgets it.
            proxy.cutNow()
        case .restarted: try await fixture.restart()
        }
        try await eventually(within: .seconds(20)) {
            proxy.acceptedCount >= connections + 2 && queue.connection.isReady && wake.isReady
        }
        try await fixture.connection.waitUntilReady(within: .seconds(10))
        let begin = Loop.monotonicMilliseconds
        _ = try await fixture.queue.enqueue(.test("a"))
        let batch = try #require(await waiting.value)
        #expect(batch.jobs.map(\.id) == ["a"] && Loop.monotonicMilliseconds - begin < 5000)
        #expect(try await queue.complete(batch.jobs) == Settlement())
        await source.stop()
    }
}
