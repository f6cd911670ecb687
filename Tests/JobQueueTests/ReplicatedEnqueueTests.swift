import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Enqueues that wait for replicas; what a failover leaves of them stands in `ClusterTests` and `SentinelTests`.
@Suite struct ReplicatedEnqueueTests {
    init() { Loop.startThread() }

    @Loop private struct Pair {
        let master: PrivateRedis
        let replica: PrivateRedis
        let fixture: TopologyQueue

        static func make(within patience: Duration = .milliseconds(500)) async throws -> Pair {
            let master = try await PrivateRedis.start(options: ["--repl-diskless-sync-delay", "0"])
            let replica = try await PrivateRedis.start(options: ["--replicaof", master.host, "\(master.port)"])
            try await eventually {
                try await PrivateCluster.tell(master.port, ["INFO", "replication"]).contains("state=online")
            }
            let fixture = try await TopologyQueue.make(
                try RedisConfiguration(host: master.host, port: master.port), prefix: "t", shardCount: 4,
                replicas: ReplicaDemand(replicas: 1, within: patience))
            // The stream of writes begins with the replica's first acknowledgement, up to a second after its link is up.
            try await eventually {
                do throws(QueueError) {
                    return try await fixture.queue.enqueue(.test("warm", .clicks)) != .full
                } catch {
                    return false
                }
            }
            return Pair(master: master, replica: replica, fixture: fixture)
        }

        func stop() {
            fixture.close()
            replica.stop()
            master.stop()
        }
    }

    /// A repeated enqueue writes nothing, and yet its answer must speak of what the first one wrote.
    @Loop @Test("known failure 21: what no replica has is not acknowledged, and neither is its repetition")
    func whatNoReplicaHasIsNotAcknowledgedAndNeitherIsItsRepetition() async throws {
        let pair = try await Pair.make()
        defer { pair.stop() }
        let fixture = pair.fixture
        #expect(try await fixture.queue.enqueue(.test("a")) == .added)
        pair.replica.pause()
        for attempt in 0..<2 {
            let error = await #expect(throws: QueueError.self) { try await fixture.queue.enqueue(.test("b")) }
            #expect(error?.isUnreachableStore == true && error?.mayHaveHappened == true, "attempt \(attempt)")
        }
        let guarded = await #expect(throws: QueueError.self) {
            try await fixture.queue.enqueue(.test("c"), ifFirstOf: [1], within: .seconds(60))
        }
        #expect(guarded?.isUnreachableStore == true)
        // Follow-ups do not wait: the rows that owe them do.
        #expect(try await fixture.queue.enqueueFollowUps([.test("d")]) == [.added])
        pair.replica.resume()
        #expect(try await fixture.queue.enqueue(.test("b")) == .exists(state: .live))
        #expect(try await fixture.queue.enqueue(.test("c"), ifFirstOf: [1], within: .seconds(60)) == .enqueued)
    }

    @Loop @Test func theCallsOfATurnShareOneWait() async throws {
        let pair = try await Pair.make()
        defer { pair.stop() }
        let fixture = pair.fixture
        // From here on Redis knows the script, which it else would be told in a second turn.
        _ = try await fixture.queue.enqueue(.test("a"))
        _ = try await PrivateCluster.tell(pair.master.port, ["CONFIG", "RESETSTAT"])
        let jobs = (0..<2500).map { NewJob.test("job-\($0)", shardKey: "key-\($0)") }
        #expect(try await fixture.queue.enqueue(jobs).allSatisfy { $0 == .added })
        let stats = try await PrivateCluster.tell(pair.master.port, ["INFO", "commandstats"])
        #expect(stats.contains("cmdstat_wait:calls=1,"))
        #expect(try await fixture.queue.enqueue(jobs).allSatisfy { $0 == .exists(state: .live) })
    }

    @Loop @Test func aFlushDoesNotWaitForTheReplicasOfTheOneBefore() async throws {
        let pair = try await Pair.make()
        defer { pair.stop() }
        let fixture = pair.fixture
        #expect(try await fixture.queue.enqueue(.test("a")) == .added)
        pair.replica.pause()
        let first = Task { @Loop in try await fixture.queue.enqueue(.test("b")) }
        try await eventually {
            try await PrivateCluster.tell(pair.master.port, ["CLIENT", "LIST"]).contains("cmd=wait")
        }
        let second = Task { @Loop in try await fixture.queue.enqueue(.test("c")) }
        // Both are there before either was answered.
        try await eventually {
            let sum = try await fixture.queue.stats(.webhooks).sum
            return sum.ready == 3
        }
        pair.replica.resume()
        // Acknowledged or refused, as the replica came back in time or not.
        _ = (await first.result, await second.result)
    }

    /// A promoted master without a replica, and callers who come all the while: nobody waits for the waits of all before.
    @Loop @Test func whatComesWhileReplicasAreWaitedForSharesTheNextWait() async throws {
        let pair = try await Pair.make(within: .seconds(30))
        defer { pair.stop() }
        let fixture = pair.fixture
        #expect(try await fixture.queue.enqueue(.test("a")) == .added)
        pair.replica.pause()
        _ = try await PrivateCluster.tell(pair.master.port, ["CONFIG", "RESETSTAT"])
        var waiting: [Task<EnqueueOutcome, any Error>] = []
        for number in 0..<40 {
            waiting.append(Task { @Loop in try await fixture.queue.enqueue(.test("b-\(number)")) })
            // The next one comes in another turn.
            _ = try await fixture.client.command(["PING"])
        }
        pair.replica.resume()
        for each in waiting { #expect(try await each.value == .added) }
        let stats = try await PrivateCluster.tell(pair.master.port, ["INFO", "commandstats"])
        let calls = try #require(stats.firstMatch(of: /cmdstat_wait:calls=(\d+),/)?.1)
        #expect(try #require(Int(calls)) == 2 * ReplicatedEnqueues.connectionCount)
    }

    /// What was on its way when the connection went is repeated whole, by whoever enqueues, and counts only then.
    @Loop @Test("known failure 21: after a lost connection the enqueue is repeated, and no bare WAIT answers for it")
    func afterALostConnectionTheEnqueueIsRepeatedNotTheWait() async throws {
        let pair = try await Pair.make()
        defer { pair.stop() }
        let fixture = pair.fixture
        #expect(try await fixture.queue.enqueue(.test("a")) == .added)
        pair.replica.pause()
        let waiting = Task { @Loop () -> QueueError? in
            do throws(QueueError) {
                _ = try await fixture.queue.enqueue(.test("b"))
                return nil
            } catch {
                return error
            }
        }
        try await eventually {
            try await PrivateCluster.tell(pair.master.port, ["CLIENT", "LIST"]).contains("cmd=wait")
        }
        _ = try await PrivateCluster.tell(pair.master.port, ["CLIENT", "KILL", "TYPE", "normal"])
        let error = try #require(await waiting.value)
        #expect(error.isUnreachableStore && error.mayHaveHappened)
        try await eventually { fixture.client.isReady }
        let again = await #expect(throws: QueueError.self) { try await fixture.queue.enqueue(.test("b")) }
        #expect(again?.isUnreachableStore == true)
        pair.replica.resume()
        try await eventually {
            do throws(QueueError) {
                return try await fixture.queue.enqueue(.test("b")) == .exists(state: .live)
            } catch {
                return false
            }
        }
    }
}
