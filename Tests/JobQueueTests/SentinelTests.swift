import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// The queue on a master that sentinels watch.
@Suite(.serialized) struct SentinelTests {
    init() { Loop.startThread() }

    @Loop private func configuration(_ group: PrivateSentinels) throws -> RedisConfiguration {
        try RedisConfiguration(sentinels: group.addresses, master: group.master)
    }

    /// A worker that was connected to the old master works for the new one.
    @Loop
    @Test("known failure 4: a master killed under load loses nothing acknowledged, where enqueues wait for a replica")
    func aMasterKilledUnderLoadLosesNothingAcknowledgedWithWait() async throws {
        let group = try await PrivateSentinels.start(replicas: 1)
        defer { group.stop() }
        let demand = ReplicaDemand(replicas: 1, within: .milliseconds(300))
        let producer = try await TopologyQueue.make(try configuration(group), prefix: "t", replicas: demand)
        defer { producer.close() }
        let worker = try await TopologyQueue.make(try configuration(group), prefix: "t", lease: .seconds(2))
        defer { worker.close() }
        let wake = RedisClient(try configuration(group), purpose: "wake")
        wake.start()
        defer { wake.close() }
        let source = LeaseSource(queue: worker.queue, name: .clicks, wakeConnection: wake)
        source.start()
        let working = Task { @Loop in
            var completed: Set<String> = []
            while let batch = await source.next(max: 50) {
                let settlement = try await worker.queue.complete(batch.jobs)
                completed.formUnion(Set(batch.jobs.map(\.id)).subtracting(settlement.stale))
            }
            return completed
        }
        let load = FailoverLoad(producer.queue, .clicks)
        load.start()
        try await load.acknowledges(1000)
        group.nodes[0].kill()
        try await eventually(within: .seconds(30)) { try await group.masterIndex() == 1 }
        try await eventually(within: .seconds(30)) { producer.client.isReady && worker.client.isReady && wake.isReady }
        // The promoted one has no replica, so nothing more is acknowledged, and whoever asks is told so.
        let refusals = load.refusals
        try await eventually { load.refusals > refusals + 8 }
        try await load.stop()
        #expect(load.acknowledged.count >= 1000)
        try await eventually(within: .seconds(30)) {
            let sum = try await worker.queue.stats(.clicks).sum
            return sum.ready + sum.leased + sum.suspects + sum.scheduled == 0
        }
        source.quiet()
        let completed = try await working.value
        await source.stop()
        // Of a batch whose acknowledgement was on its way the worker was told nothing; the queue remembers it.
        for id in load.acknowledged.subtracting(completed) {
            let again = try await worker.queue.enqueue(.test(id, .clicks, shardKey: id))
            #expect(again == .exists(state: .completed), "\(id) is lost")
        }
    }

    /// The connection that blocks would wait half a minute for a master that stands still.
    @Loop @Test func aBlockedConnectionLeavesAMasterThatStandsStill() async throws {
        let group = try await PrivateSentinels.start(replicas: 1)
        defer { group.stop() }
        let client = RedisClient(try configuration(group), purpose: "wake")
        client.start()
        defer { client.close() }
        try await client.waitUntilReady(within: .seconds(10))
        let runBefore = client.serverRunID
        let blocked = Task { @Loop () -> RedisError? in
            do throws(RedisError) {
                _ = try await client.command(["BLPOP", "nothing", 60], replyTimeout: .seconds(90))
                return nil
            } catch {
                return error
            }
        }
        try await eventually {
            try await PrivateCluster.tell(group.nodes[0].port, ["CLIENT", "LIST"]).contains("cmd=blpop")
        }
        group.nodes[0].pause()
        defer { group.nodes[0].resume() }
        let begin = Loop.monotonicMilliseconds
        #expect(try #require(await blocked.value).kind == .connectionLost)
        try await eventually { client.isReady }
        #expect(client.serverRunID != runBefore)
        // Half a second until the sentinels think it dead, their election, and a look each second.
        #expect(Loop.monotonicMilliseconds - begin < 15_000)
        #expect(try await client.command(["SET", "a", "1"]).string == "OK")
    }

    @Loop @Test func aMasterThatBecomesAReplicaIsLeft() async throws {
        let group = try await PrivateSentinels.start(replicas: 1)
        defer { group.stop() }
        let fixture = try await TopologyQueue.make(try configuration(group), prefix: "t", shardCount: 1)
        defer { fixture.close() }
        let runBefore = fixture.client.serverRunID
        _ = try await fixture.queue.enqueue(.test("a"))
        let old = try #require(try await fixture.queue.lease(.webhooks, shard: 0, max: 1, mayTakeAlone: true).batch)
        try await eventually {
            try await PrivateCluster.tell(group.ports[0], ["SENTINEL", "FAILOVER", group.master]) == "OK"
        }
        try await eventually(within: .seconds(30)) { try await group.masterIndex() == 1 }
        try await eventually(within: .seconds(30)) { fixture.client.isReady && fixture.client.serverRunID != runBefore }
        // A lease of before holds, since nothing was lost; the next fence is above all of another run.
        var settlement: Settlement?
        try await eventually(within: .seconds(30)) {
            do throws(QueueError) {
                settlement = try await fixture.queue.complete(old.jobs)
                return true
            } catch {
                #expect(error.isUnreachableStore)
                return false
            }
        }
        #expect(settlement?.stale == [])
        try await eventually { fixture.client.isReady }
        _ = try await fixture.queue.enqueue(.test("b"))
        let new = try #require(try await fixture.queue.lease(.webhooks, shard: 0, max: 1, mayTakeAlone: true).batch)
        #expect(new.lease.fence > old.lease.fence + 1)
    }
}
