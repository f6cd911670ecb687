import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// The connection is cut after each byte of each call, on the way to Redis and back; the call is repeated as its callers
/// repeat it, and then every job is where it must be, exactly once.
@Suite("Calls that are cut at every byte")
struct ByteCutTests {
    init() { Loop.startThread() }

    @Loop private func expect(_ lane: CutLane, _ places: QueuePlaces, _ name: QueueName = .webhooks) async throws {
        let found = try await lane.fixture.places(name)
        guard found == places else { throw TestSupportError("\(name): \(found), not \(places)") }
    }

    @Loop @Test("known failure 13: an enqueue that is cut at any byte leaves its job exactly once")
    func anEnqueueCutAnywhereLeavesItsJobOnce() async throws {
        let count = try await CutLane.runCuttingEverywhere {
            CutLane.Call(
                call: { lane in
                    let outcome = try await lane.repeated { () async throws(QueueError) in
                        try await lane.queue.enqueue(.test(lane.id))
                    }
                    guard outcome == .added || outcome == .exists(state: .live) else {
                        throw TestSupportError("\(outcome)")
                    }
                },
                verify: { lane in
                    try await expect(lane, QueuePlaces(jobs: [lane.id], ready: [lane.id]))
                    _ = try await lane.fixture.queue.complete(try #require(try await lane.fixture.lease()).jobs)
                })
        }
        #expect(count > 300)
    }

    @Loop @Test("known failure 1: a lease that is cut at any byte loses no job and counts no crash")
    func aLeaseCutAnywhereLosesNoJob() async throws {
        let count = try await CutLane.runCuttingEverywhere {
            var leased: LeaseBatch?
            return CutLane.Call(
                prepare: { lane in _ = try await lane.fixture.queue.enqueue(.test(lane.id)) },
                call: { lane in
                    leased = try await lane.repeated { () async throws(QueueError) in
                        try await lane.queue.lease(.webhooks, shard: 0, max: 1, mayTakeAlone: true).batch
                    }
                },
                verify: { lane in
                    try await expect(lane, QueuePlaces(jobs: [lane.id], leased: [lane.id]))
                    if let leased {
                        _ = try await lane.queue.complete(leased.jobs)
                    } else {
                        // Nobody knows of the lease: it expires, and the job runs alone.
                        try await lane.fixture.expireLeases()
                        _ = try await lane.fixture.queue.tick(.webhooks, shard: 0)
                        try await expect(lane, QueuePlaces(jobs: [lane.id], alone: [lane.id]))
                        let again = try #require(try await lane.fixture.lease())
                        #expect(again.jobs[0].crashes == 0 && again.jobs[0].attempt == 1)
                        _ = try await lane.fixture.queue.complete(again.jobs)
                    }
                    try await expect(lane, QueuePlaces())
                })
        }
        #expect(count > 300)
    }

    @Loop @Test("known failure 13: an acknowledgement that is cut at any byte counts once, and so does its follow-up")
    func anAcknowledgementCutAnywhereCountsOnce() async throws {
        let count = try await CutLane.runCuttingEverywhere {
            var batch: LeaseBatch?
            var completed: Int64 = 0
            return CutLane.Call(
                prepare: { lane in
                    _ = try await lane.fixture.queue.enqueue(.test(lane.id))
                    batch = try await lane.fixture.lease()
                    try await lane.fixture.abandon(batch)
                },
                call: { lane in
                    let followUp = NewJob.test("next-\(lane.number)", .notifications)
                    let settlement = try await lane.queue.complete(batch?.jobs ?? [], followUps: [followUp])
                    guard settlement.stale.isEmpty || settlement.wasRepeated else {
                        throw TestSupportError("\(settlement)")
                    }
                },
                verify: { lane in
                    completed += 1
                    try await expect(lane, QueuePlaces())
                    let next = "next-\(lane.number)"
                    try await expect(lane, QueuePlaces(jobs: [next], ready: [next]), .notifications)
                    let total = try await lane.fixture.connection.command([
                        "HGET", lane.fixture.key("meta"), "completed",
                    ])
                    guard total.integer == completed else { throw TestSupportError("completed \(total)") }
                    let followUps = try #require(try await lane.fixture.lease(.notifications))
                    _ = try await lane.fixture.queue.complete(followUps.jobs)
                })
        }
        #expect(count > 600)
    }

    @Loop @Test func aHeartbeatCutAnywhereKeepsItsLease() async throws {
        let count = try await CutLane.runCuttingEverywhere {
            var lease: Lease?
            return CutLane.Call(
                prepare: { lane in
                    if lease == nil {
                        _ = try await lane.fixture.queue.enqueue(.test("a"))
                        lease = try #require(try await lane.fixture.lease()).jobs[0].lease
                    }
                    for fence in try await lane.fixture.strings("ZRANGE", lane.fixture.key("expiries"), 0, -1) {
                        _ = try await lane.fixture.connection.command([
                            "ZADD", lane.fixture.key("expiries"), 1, .string(fence),
                        ])
                    }
                },
                call: { lane in
                    guard let lease else { throw TestSupportError("no lease") }
                    let answer = try await lane.repeated { () async throws(QueueError) in
                        try await lane.queue.context.run(
                            QueueScript.extend, .webhooks, shard: 0,
                            [60_000, .integer(lease.fence), .string(Lease.text(ofToken: lease.token))])
                    }
                    guard answer[0]?.string == "+" else { throw TestSupportError("not extended") }
                },
                verify: { lane in
                    let expiry = try await lane.fixture.strings(
                        "ZRANGE", lane.fixture.key("expiries"), 0, -1, "WITHSCORES")
                    guard expiry.count == 2, expiry[0] == lease.map({ "\($0.fence)" }), expiry[1] != "1" else {
                        throw TestSupportError("expiries \(expiry)")
                    }
                    try await expect(lane, QueuePlaces(jobs: ["a"], leased: ["a"]))
                })
        }
        #expect(count > 300)
    }

    @Loop @Test("known failure 2: what comes due and what expired is in one place, though the look is cut at any byte")
    func aLookCutAnywhereLosesNothing() async throws {
        let count = try await CutLane.runCuttingEverywhere {
            CutLane.Call(
                prepare: { lane in
                    _ = try await lane.fixture.queue.enqueue([
                        .test("late-\(lane.number)"), .test(lane.id, delay: .seconds(60)),
                    ])
                    try await lane.fixture.abandon(try await lane.fixture.lease())
                    try await lane.fixture.expireLeases()
                    try await lane.fixture.makeDue()
                },
                call: { lane in
                    _ = try await lane.repeated { () async throws(QueueError) in
                        try await lane.queue.tick(.webhooks, shard: 0)
                    }
                },
                verify: { lane in
                    let late = "late-\(lane.number)"
                    try await expect(lane, QueuePlaces(jobs: [lane.id, late], ready: [lane.id], alone: [late]))
                    for _ in 0..<2 {
                        let batch = try #require(try await lane.fixture.lease())
                        #expect(batch.jobs.allSatisfy { $0.crashes == 0 })
                        _ = try await lane.fixture.queue.complete(batch.jobs)
                    }
                })
        }
        #expect(count > 300)
    }
}
