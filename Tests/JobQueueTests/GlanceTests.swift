import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// The look of an idle worker: one command for all shards, which writes nothing and misses nothing.
struct GlanceTests {
    init() { Loop.startThread() }

    @Loop private func glance(_ fixture: QueueFixture, _ shard: Int = 0) async throws -> QueueGlance.Shard {
        try await fixture.queue.glance([.webhooks])[0].shards[shard]
    }

    private func needsTick(_ shard: QueueGlance.Shard) -> Bool { if case .needsTick = shard { true } else { false } }

    private func wait(_ shard: QueueGlance.Shard) -> Duration? {
        if case .rests(let wait) = shard { wait } else { nil }
    }

    @Loop @Test func aLookNamesTheShardsWhereSomethingIsToBeDone() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .seconds(200) }
        #expect(try await glance(fixture) == .rests(nextCheck: nil))
        _ = try await fixture.queue.enqueue(.test("late", delay: .seconds(60)))
        let late = try #require(wait(try await glance(fixture)))
        #expect((.seconds(30)...Duration.seconds(60)).contains(late))
        _ = try await fixture.queue.enqueue(.test("soon", delay: .milliseconds(30)))
        try await eventually { try await needsTick(glance(fixture)) }
        // A lease that is young needs no breath, one that nobody looks at for a tenth of a lease does.
        try await fixture.abandon(try await fixture.lease())
        #expect(try #require(wait(try await glance(fixture))) <= .seconds(60))
        let hasty = try await fixture.another { $0.lease = .milliseconds(400) }
        try await eventually { try await needsTick(glance(hasty)) }
    }

    @Loop @Test func aLookSeesSuspectsUnlessTheirQueueIsPaused() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .milliseconds(100) }
        _ = try await fixture.queue.enqueue(.test("a"))
        try await fixture.abandon(try await fixture.lease())
        try await fixture.tickUntil { $0.suspectsLeft == 1 }
        #expect(try await needsTick(glance(fixture)))
        try await fixture.queue.pause(.webhooks)
        #expect(try await !needsTick(glance(fixture)))
    }

    @Loop @Test(arguments: PriorityBand.allCases)
    func aLookSeesReadyJobsOfEachBandAndOfEachShard(priority: PriorityBand) async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 5 }
        for number in 0..<5 {
            let key = try #require(
                (0..<200).map { "key-\($0)" }.first { fixture.configuration.shard(of: $0) == number })
            _ = try await fixture.queue.enqueue(.test("job-\(number)", shardKey: key, priority: priority))
            let glance = try await fixture.queue.glance([.clicks, .webhooks, .batches])
            #expect(glance.map(\.isLimited) == [false, false, false])
            #expect(glance[0].shards == Array(repeating: .rests(nextCheck: nil), count: 5))
            #expect(
                glance[1].shards == (0..<5).map { $0 <= number ? .needsTick(ready: 1) : .rests(nextCheck: nil) })
            #expect(glance[2].shards == glance[0].shards)
        }
    }

    @Loop @Test func onANodeOfAClusterTheLookNamesNoKeysOfSeveralSlots() async throws {
        let redis = try await PrivateRedis.start(
            options: ["--cluster-enabled", "yes", "--cluster-port", "\(try TestPort.free())"])
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.shardCount = 4 }
        _ = try await fixture.connection.command(["CLUSTER", "ADDSLOTSRANGE", 0, 16383])
        try await eventually {
            try await fixture.connection.command(["CLUSTER", "INFO"]).string?.contains("cluster_state:ok") == true
        }
        _ = try await fixture.queue.enqueue(.test("a"))
        let shard = fixture.configuration.shard(of: "key")
        let wanted = (0..<4).map { $0 == shard ? QueueGlance.Shard.needsTick(ready: 1) : .rests(nextCheck: nil) }
        for _ in 0..<2 { #expect(try await fixture.queue.glance([.clicks, .webhooks])[1].shards == wanted) }
        #expect(!fixture.queue.glancesSpanShards)
    }

    @Loop @Test func theClientOfAClusterDoesNotTryToLookAtShardsTogether() throws {
        let cluster = RedisClient(
            try RedisConfiguration(clusterSeeds: [("127.0.0.1", 7000)]), purpose: "never started")
        #expect(!JobQueue(connection: cluster, configuration: JobQueueConfiguration()).glancesSpanShards)
        let single = RedisClient(.loopback, purpose: "never started")
        #expect(JobQueue(connection: single, configuration: JobQueueConfiguration()).glancesSpanShards)
    }

    @Loop private func source(_ fixture: QueueFixture) async throws -> LeaseSource {
        let connection = try await QueueFixture.connect(
            to: fixture.redis, purpose: "wake", clientName: fixture.configuration.prefix)
        let source = LeaseSource(queue: fixture.queue, name: .webhooks, wakeConnection: connection)
        source.start()
        return source
    }

    /// Nothing tells it but its look: the marker is taken away.
    @Loop @Test func aJobWhoseMarkerIsLostIsFoundByTheLook() async throws {
        let fixture = try await QueueFixture.make {
            $0.shardCount = 4
            $0.lease = .milliseconds(300)
        }
        let source = try await source(fixture)
        let waiting = Task { @Loop in await source.next(max: 1) }
        try await eventually { try await fixture.isBlocked(count: 1) }
        try await fixture.queue.pause(.webhooks)
        _ = try await fixture.queue.enqueue(.test("a"))
        let shard = fixture.configuration.shard(of: "key")
        // Popped by the source, which finds the queue paused.
        try await eventually { try await fixture.integer("EXISTS", fixture.key("wake", shard: shard)) == 0 }
        try await eventually { try await fixture.isBlocked(count: 1) }
        for shard in 0..<4 {
            _ = try await fixture.connection.command(["HDEL", fixture.key("meta", shard: shard), "paused"])
        }
        #expect(try #require(await waiting.value).jobs.map(\.id) == ["a"])
        await source.stop()
    }

    /// An idle worker has just looked and seen nothing; then another one takes a job and is gone.
    @Loop @Test func aJobIsTakenOverInTimeThoughItsWorkerDiesRightAfterAnothersLook() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) {
            $0.shardCount = 16
            $0.lease = .seconds(3)
        }
        let idle = try await source(fixture)
        let other = try await fixture.another()
        for number in 0..<2 {
            let waiting = Task { @Loop in await idle.next(max: 1) }
            // No marker tells the idle one: the job is there, but not to be had, until the other has it.
            _ = try await other.queue.enqueue(.test("job-\(number)", delay: .seconds(60)))
            try await eventually { try await fixture.isBlocked(count: 1) }
            let shard = other.configuration.shard(of: "key")
            let looks = try await fixture.scriptCalls()
            try await eventually { try await fixture.scriptCalls() > looks }
            _ = try await other.connection.command([
                "ZREM", other.key("scheduled", shard: shard), .string("job-\(number)"),
            ])
            _ = try await other.connection.command([
                "RPUSH", other.key("ready", shard: shard), .string("job-\(number)"),
            ])
            let began = Loop.monotonicMilliseconds
            let leased = try #require(
                try await other.queue.lease(.webhooks, shard: shard, max: 1, mayTakeAlone: false).batch)
            try await other.abandon(leased)
            let batch = try #require(await waiting.value)
            #expect(batch.jobs.map(\.id) == ["job-\(number)"] && batch.lease.isAlone)
            // Within the lease and 2 s: no whole lease more, as when nobody had looked.
            #expect((2999...5000).contains(Loop.monotonicMilliseconds - began))
            _ = try await fixture.queue.complete(batch.jobs)
        }
        await idle.stop()
    }

    /// What ten idle workers of a fleet send to Redis in a minute, counted over looks of a shortened lease: time alone makes
    /// them look, so the number for each third of a lease is that of any lease.
    @Loop @Test func tenIdleWorkersSendFewCommandsAndWriteNothing() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) {
            $0.shardCount = 16
            $0.lease = .milliseconds(600)
        }
        var sources: [LeaseSource] = []
        for _ in 0..<10 {
            let source = try await source(try await fixture.another())
            sources.append(source)
            Task { @Loop in await source.next(max: 100) }
        }
        try await eventually { try await fixture.isBlocked(count: 10) }
        // Each has looked once, so that who starts is over.
        let started = try await fixture.scriptCalls()
        try await eventually { try await fixture.scriptCalls() >= started + 20 }
        let (scripts, writes) = (try await fixture.scriptCalls(), try await fixture.writes())
        let began = Loop.monotonicMilliseconds
        try await eventually { Loop.monotonicMilliseconds - began >= 3000 }
        let looks = Double(try await fixture.scriptCalls() - scripts)
        let thirds = Double(Loop.monotonicMilliseconds - began) / 200
        #expect(try await fixture.writes() == writes)
        let lease = JobQueueConfiguration().lease
        let looksPerMinute = looks / thirds * (60_000 / Double(lease.milliseconds / 3))
        let popsPerMinute = 10 * 60 / Double(WakeListener.blockSeconds)
        // A connection that looks more often than this sends no pings; one that is blocked sends none at all.
        #expect(RedisConfiguration.loopback.idlePing * 3 >= lease)
        #expect(looksPerMinute + popsPerMinute < 200)
        // It does look: 12 times a minute each, where the machine has time for it.
        #expect(looksPerMinute > 60)
        for source in sources { await source.stop() }
    }
}
