import Core
import EventLoop
import TestSupport
import Testing

@testable import Inspector
@testable import JobQueue

/// `quarantine list`, `release` and `delete`.
struct QuarantineCommandTests {
    init() { Loop.startThread() }

    /// Makes jobs whose workers end over them three times: their leases, of 40 ms, run out.
    @Loop private func quarantine(_ jobs: [NewJob], _ tributary: InspectorFixture) async throws {
        var configuration = tributary.queue.configuration
        configuration.lease = .milliseconds(40)
        configuration.workerName = "worker-1"
        _ = try await tributary.queue.enqueue(jobs)
        let dead = try await tributary.depth().dead + jobs.count
        let queue = JobQueue(connection: tributary.connection, configuration: configuration)
        try await eventually(within: .seconds(20)) {
            for shard in 0..<configuration.shardCount {
                let batch = try await queue.lease(.clicks, shard: shard, max: 1, mayTakeAlone: true).batch
                // Without a heartbeat, as after the end of its worker.
                if let batch { queue.held.release(batch.lease, jobCount: batch.jobs.count) }
            }
            return try await tributary.depth().dead == dead
        }
    }

    @Loop @Test func theyAreListedWithTheWorkersThatEnded() async throws {
        try await InspectorFixture.run { tributary in
            try await quarantine([.test("poison")], tributary)
            try await tributary.addDead([.test("dead")])
            let run = try await tributary("quarantine", "list")
            #expect(run.out.contains("clicks  quarantined  poison  test.v1") && run.out.contains("worker-1"))
            #expect(!run.out.contains("dead "))
            let json = try await tributary("quarantine", "list", "--json").json
            #expect(json["jobs"]?.array?.map { $0["id"] } == ["poison"] && json["jobs"]?[0]?["crashes"] == 3)
            #expect(try await tributary("job", "poison").out.contains("`tributary quarantine release poison`"))
        }
    }

    @Loop @Test func theyAreReleasedAndDeletedByThemselves() async throws {
        try await InspectorFixture.run { tributary in
            try await quarantine([.test("a"), .test("b"), .test("c")], tributary)
            try await tributary.addDead([.test("dead")])
            let wrong = try await tributary("quarantine", "release", "dead")
            #expect(wrong.status == .failed && wrong.errors.contains("job dead is dead, not quarantined"))
            #expect(try await tributary("quarantine", "release", "a").out == "1 quarantined job of 1 released.\n")
            let found = try #require(try await tributary.queue.find("a", in: .clicks))
            #expect(found.state == .ready && found.crashes == 0)
            #expect(
                try await tributary("quarantine", "delete", "--all", "--dry-run").out
                    == "2 quarantined jobs would be deleted.\n")
            #expect(try await tributary("quarantine", "delete", "--all", "--json").json["count"] == 2)
            #expect(try await tributary.depth().dead == 1)
            #expect(try await tributary("quarantine", "delete").status == .usage)
        }
    }

    @Loop @Test func onlyQuarantinedJobsAreMeant() async throws {
        try await InspectorFixture.run { tributary in
            #expect(try await tributary("quarantine", "list").out == "There are no quarantined jobs.\n")
            try await tributary.addDead([.test("dead")])
            #expect(try await tributary("quarantine", "list").out == "There are no quarantined jobs.\n")
        }
    }
}
