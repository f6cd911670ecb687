import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

struct EnqueueTests {
    init() { Loop.startThread() }

    @Loop @Test func aJobIsLeasedAsItWasEnqueued() async throws {
        let fixture = try await QueueFixture.make()
        var job = NewJob.test("a:b.c-d_1", payload: "\u{0}\u{1}binary")
        job.traceContext = "00-abc"
        #expect(try await fixture.queue.enqueue(job) == .added)
        let batch = try #require(try await fixture.lease())
        #expect(batch.jobs.map(\.id) == ["a:b.c-d_1"])
        #expect(batch.jobs[0].payload == job.payload)
        #expect(batch.jobs[0].kind == "test.v1")
        #expect(batch.jobs[0].traceContext == "00-abc")
        #expect(batch.jobs[0].attempt == 1 && batch.jobs[0].maxAttempts == 10 && !batch.jobs[0].isLastAttempt)
        let time = try await fixture.strings("TIME")[0]
        #expect(abs(batch.jobs[0].enqueuedAt.rawValue / 1000 - (Int64(time) ?? 0)) <= 1)
    }

    @Loop @Test func manyJobsKeepTheirOrderAcrossScriptCalls() async throws {
        let fixture = try await QueueFixture.make()
        #expect(try await fixture.queue.enqueue(NewJob.tests(2500)).allSatisfy { $0 == .added })
        let ids = try await fixture.strings("LRANGE", fixture.key("ready"), 0, -1)
        #expect(ids == (0..<2500).map { "job-\($0)" })
    }

    @Loop @Test func callsOfOneTurnAreOneScriptCall() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        _ = try await fixture.queue.enqueue(.test("first"))
        let before = try await fixture.scriptCalls()
        let tasks = (0..<100).map { number in
            Task { @Loop in try await fixture.queue.enqueue(.test("job-\(number)")) }
        }
        for task in tasks { #expect(try await task.value == .added) }
        #expect(try await fixture.scriptCalls() - before == 1)
    }

    /// Jobs of ids `job-0`… spread over all shards and two queues.
    private static func scattered(_ count: Int) -> [NewJob] {
        (0..<count).map { number in
            NewJob(
                id: "job-\(number)", queue: number % 3 == 0 ? .clicks : .webhooks, kind: "test.v1", payload: [1],
                shardKey: "key-\(number)")
        }
    }

    @Loop @Test func aBurstForManyShardsIsOneScriptCall() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.shardCount = 16 }
        var jobs = Self.scattered(200)
        _ = try await fixture.queue.enqueue([jobs[7], jobs[9]])
        let before = try await fixture.scriptCalls()
        // One of those that are there already comes with another payload.
        jobs[9].payload = [2]
        let outcomes = try await fixture.queue.enqueue(jobs)
        #expect(try await fixture.scriptCalls() - before == 1)
        for (index, outcome) in outcomes.enumerated() {
            switch index {
            case 7: #expect(outcome == .exists(state: .live))
            case 9: #expect(outcome == .conflict(state: .live))
            default: #expect(outcome == .added)
            }
        }
        for shard in 0..<16 {
            for queue in [QueueName.clicks, .webhooks] {
                let own = jobs.filter { $0.queue == queue && fixture.configuration.shard(of: $0.shardKey) == shard }
                let ids = try await fixture.strings("LRANGE", fixture.key("ready", queue, shard: shard), 0, -1)
                #expect(Set(ids) == Set(own.map(\.id)))
            }
        }
    }

    @Loop @Test func aClusterGetsACallForEachShard() async throws {
        // Its bus would else take the port 10,000 higher, which others may have.
        let redis = try await PrivateRedis.start(
            options: ["--cluster-enabled", "yes", "--cluster-port", "\(try TestPort.free())"])
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.shardCount = 16 }
        _ = try await fixture.connection.command(["CLUSTER", "ADDSLOTSRANGE", 0, 16383])
        try await eventually {
            try await fixture.connection.command(["CLUSTER", "INFO"]).string?.contains("cluster_state:ok") == true
        }
        let jobs = Self.scattered(100)
        #expect(try await fixture.queue.enqueue(jobs).allSatisfy { $0 == .added })
        #expect(try await fixture.queue.enqueue(jobs).allSatisfy { $0 == .exists(state: .live) })
    }

    @Loop @Test func theSameJobAgainSaysWhereItIs() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue([.test("live"), .test("later", delay: .seconds(60)), .test("bad")])
        #expect(try await queue.enqueue(.test("live")) == .exists(state: .live))
        #expect(try await queue.enqueue(.test("later")) == .exists(state: .scheduled))
        let batch = try #require(try await fixture.lease())
        #expect(try await queue.enqueue(.test("live")) == .exists(state: .live))
        _ = try await queue.bury(batch.jobs[1], reason: "no")
        #expect(try await queue.enqueue(.test("bad")) == .exists(state: .dead))
        #expect(try await queue.enqueue([.test("twice"), .test("twice")]) == [.added, .exists(state: .live)])
        #expect(try await fixture.strings("LRANGE", fixture.key("ready"), 0, -1) == ["twice"])
    }

    @Loop @Test func anotherPayloadUnderAnIdIsAConflictEverywhere() async throws {
        let fixture = try await QueueFixture.make()
        let queue = fixture.queue
        _ = try await queue.enqueue([.test("a", .clicks), .test("b", .clicks)])
        let other = NewJob.test("a", .clicks, payload: "other")
        #expect(try await queue.enqueue(other) == .conflict(state: .live))
        let batch = try #require(try await fixture.lease(.clicks))
        _ = try await queue.complete(batch.jobs)
        #expect(try await queue.enqueue(other) == .conflict(state: .completed))
        #expect(
            try await queue.enqueue([.test("c", .clicks), .test("c", .clicks, payload: "x")])
                == [.added, .conflict(state: .live)])
    }

    @Loop @Test func theFaultSkipDigestCheckIsNoticed() async throws {
        let fixture = try await QueueFixture.make { $0.faults = .skipDigestCheck }
        _ = try await fixture.queue.enqueue(.test("a"))
        #expect(try await fixture.queue.enqueue(.test("a", payload: "other")) == .exists(state: .live))
    }

    @Loop @Test func onlyQueuesThatRememberKnowAJobAfterItsEnd() async throws {
        let fixture = try await QueueFixture.make()
        _ = try await fixture.queue.enqueue([.test("a", .conversions), .test("a", .webhooks)])
        for name in [QueueName.conversions, .webhooks] {
            _ = try await fixture.queue.complete(try #require(try await fixture.lease(name)).jobs)
        }
        #expect(try await fixture.queue.enqueue(.test("a", .conversions)) == .exists(state: .completed))
        #expect(try await fixture.queue.enqueue(.test("a", .webhooks)) == .added)
    }

    @Loop @Test func theMemoryOfCompletedJobsIsBounded() async throws {
        let fixture = try await QueueFixture.make { $0.rememberedCount = 10 }
        for start in stride(from: 0, to: 60, by: 5) {
            let jobs = (start..<start + 5).map { NewJob.test("job-\($0)", .clicks) }
            _ = try await fixture.queue.enqueue(jobs)
            _ = try await fixture.queue.complete(try #require(try await fixture.lease(.clicks)).jobs)
        }
        let remembered = try await fixture.queue.stats(.clicks).sum.remembered
        #expect((10...20).contains(remembered))
        #expect(try await fixture.queue.enqueue(.test("job-59", .clicks)) == .exists(state: .completed))
        #expect(try await fixture.queue.enqueue(.test("job-0", .clicks)) == .added)
    }

    @Loop @Test func aJobThatMayNotBeTakenIsRefusedBeforeAnythingIsSent() async throws {
        let fixture = try await QueueFixture.make { $0.payloadBytesMax = 100 }
        let bad: [NewJob] = [
            .test(""), .test(String(repeating: "x", count: 65)), .test("a b"), .test("é"),
            .test("a", payload: String(repeating: "x", count: 101)), .test("a", delay: .seconds(-1)),
            .test("a", delay: .seconds(400 * 86_400)), .test("a", maxAttempts: 0), .test("a", maxAttempts: 1001),
        ]
        for job in bad {
            await #expect(throws: QueueError.self) { try await fixture.queue.enqueue([.test("good"), job]) }
        }
        #expect(try await fixture.queue.stats(.webhooks).sum.ready == 0)
    }

    /// Else all of them would be answered by the last script.
    @Loop @Test func callsOfOneTurnShareAScriptAsLongAsTheyFitWhole() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis) { $0.shardCount = 4 }
        func scripts(of calls: Int, jobs: Int) async throws -> Int {
            let before = try await fixture.scriptCalls()
            let outcomes = (0..<calls).map { call in
                let new = (0..<jobs).map { NewJob.test("\(jobs)-\(call)-\($0)", shardKey: "key-\($0)") }
                return Task { @Loop in try await fixture.queue.enqueue(new) }
            }
            for outcome in outcomes { #expect(try await outcome.value.allSatisfy { $0 == .added }) }
            return try await fixture.scriptCalls() - before
        }
        _ = try await scripts(of: 1, jobs: 1)
        #expect(try await scripts(of: 3, jobs: 300) == 1)
        #expect(try await scripts(of: 3, jobs: 600) == 3)
    }

    @Loop @Test func jobsOfSeveralShardsAndQueuesAreTakenInOneCall() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        let jobs = (0..<200).map { number in
            NewJob.test("job-\(number)", QueueName.allCases[number % 6], shardKey: "key-\(number)")
        }
        #expect(try await fixture.queue.enqueue(jobs).allSatisfy { $0 == .added })
        var sum = 0
        for name in QueueName.allCases {
            let stats = try await fixture.queue.stats(name)
            sum += stats.sum.ready
            #expect(stats.shards.count { $0.ready > 0 } > 1)
        }
        #expect(sum == 200)
        for job in jobs {
            let found = try #require(try await fixture.queue.find(job.id, in: job.queue, shardKey: job.shardKey))
            #expect(found.state == .ready && found.shard == fixture.configuration.shard(of: job.shardKey))
        }
    }
}

extension QueueFixture {
    /// Scripts that this Redis has run.
    func scriptCalls() async throws -> Int { try await calls(of: "evalsha") + calls(of: "eval") }
}
