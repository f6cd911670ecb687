import Bookkeeping
import Core
import EventLoop
import JobQueue
import Ledger
import TestSupport
import Testing

@testable import Inspector

/// `cancel` for jobs.
struct JobCancelTests {
    init() { Loop.startThread() }

    @Loop @Test func waitingAndRunningJobsAreCancelled() async throws {
        try await InspectorFixture.run { tributary in
            _ = try await tributary.queue.enqueue([
                .test("ready"), .test("later", delay: .seconds(600)), .test("runs", .webhooks),
            ])
            let shard = try #require(try await tributary.queue.find("runs", in: .webhooks)?.shard)
            let lease = try await tributary.queue.lease(.webhooks, shard: shard, max: 1, mayTakeAlone: true).batch
            #expect(lease?.jobs.map(\.id) == ["runs"])
            let run = try await tributary("cancel", "ready", "later", "runs")
            #expect(run.status == .ok, "\(run.errors)")
            #expect(
                run.lines[0] == "ready is cancelled: it will not run." && run.lines[1].hasPrefix("later is cancelled"))
            #expect(run.lines[2].hasPrefix("runs runs: its worker is told"))
            #expect(try await tributary.depth().scheduled == 0)
            #expect(try await tributary.queue.find("ready", in: .clicks)?.state == .cancelled)
            // Whoever leases it drops it.
            for shard in 0..<4 {
                #expect(try await tributary.queue.lease(.clicks, shard: shard, max: 9, mayTakeAlone: true).batch == nil)
            }
            let again = try await tributary("cancel", "later")
            #expect(again.status == .failed && again.errors.contains("later is cancelled already"), "\(again.errors)")
        }
    }

    @Loop @Test func aCancelledDeliveryIsOwedNoMore() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPolicy()
            try await tributary.addPartner()
            try await tributary.addEndpoint()
            let owed = try #require(try await tributary.addOrder().first)
            let job = NewJob.delivery(owed)
            _ = try await tributary.queue.enqueue(job)
            let run = try await tributary("cancel", job.id, "--queue", "webhooks", "--actor", "kim", "--json")
            #expect(
                try run.json == [
                    "jobs": [["id": .string(job.id), "queue": "webhooks", "outcome": "cancelled", "state": .null]]
                ], "\(run.errors)")
            let row = "SELECT concat_ws(' ', status, end_reason) FROM webhook_deliveries"
            #expect(try await tributary.text(row) == "dead job_dead: deleted by kim: its job was cancelled")
            let steps = try await tributary("rebuild", "--json").json["steps"]?.array ?? []
            #expect(steps.first { $0["what"] == "deliveries" }?["enqueued"]?.integer ?? 0 == 0)
        }
    }

    @Loop @Test func nothingIsDoneUnlessAllAreThere() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addDead([.test("dead")])
            _ = try await tributary.queue.enqueue(.test("a"))
            for (words, text) in [
                (["a", "none"], "no queue holds a job none"), (["a", "dead"], "`tributary dead delete dead`"),
                (["a", "--queue", "webhooks"], "queue webhooks holds no job a"),
            ] {
                let run = try await InspectorFixture.tributary(["cancel"] + words, tributary.environment)
                #expect(run.status == .failed && run.errors.contains(text), "\(run.errors)")
            }
            #expect(try await tributary.queue.find("a", in: .clicks)?.state == .ready)
            for words in [[], ["a", "b", "--reason", "r"]] {
                #expect(
                    try await InspectorFixture.tributary(["cancel"] + words, tributary.environment).status == .usage)
            }
        }
    }
}
