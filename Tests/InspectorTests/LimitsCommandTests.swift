import Core
import EventLoop
import JobQueue
import TestSupport
import Testing

@testable import Inspector

/// `limits`, and the environment's settings behind it.
struct LimitsCommandTests {
    init() { Loop.startThread() }

    @Loop private func keyed(_ count: Int, _ limit: KeyLimit) -> [NewJob] {
        (0..<count).map { number in
            var job = NewJob.test("\(limit.key)-\(number)", .webhooks)
            job.shardKey = limit.key
            job.limit = limit
            return job
        }
    }

    @Loop @Test func lengthsAndKeysAreShownWithTheirUse() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            _ = try await tributary.queue.enqueue(
                keyed(5, KeyLimit("shop-1", places: 2, rate: KeyLimit.Rate(5, per: .seconds(1), burst: 2)))
                    + keyed(1, KeyLimit("shop-2", places: 1)))
            let set: [String: String?] = [
                "TRIBUTARY_QUEUE_LENGTH_MAX": "webhooks=6", "TRIBUTARY_KEEP_COMPLETED": "clicks=24h/1000",
            ]
            let webhooks = try await tributary("limits", "--queue", "webhooks", "--json", changing: set)
                .json["queues"]?[0]
            #expect(webhooks?["jobs"] == 6 && webhooks?["lengthMax"] == 6 && webhooks?["heldBack"] == 3)
            #expect(webhooks?["keysComplete"] == true && webhooks?["keptMax"] == .null)
            #expect(
                webhooks?["keys"] == [
                    ["key": "shop-1", "out": 2, "places": 2, "heldBack": 3, "startIntervalUs": 200_000, "burst": 2],
                    ["key": "shop-2", "out": 1, "places": 1, "heldBack": 0, "startIntervalUs": .null, "burst": 1],
                ])
            let run = try await tributary("limits", changing: set)
            #expect(run.lines[0] == "queue          jobs  at most  kept  at most  for  held back")
            #expect(run.lines[1] == "clicks            0        -     0    1,000  1 d          0")
            #expect(run.out.contains("webhooks  shop-1    2        2          3           200 ms      2\n"))
            let cut = try await tributary("limits", "--scan", "2", changing: set)
            #expect(cut.out.contains("webhooks has more jobs than were looked at"))
        }
    }

    @Loop @Test func aQueueAsAWholeIsLimitedAndLetGo() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let set = try await tributary("limits", "set", "webhooks", "5+600/m*10", "--json").json["limit"]
            #expect(set?["places"] == 5 && set?["startIntervalUs"] == 100_000)
            let limit = QueueLimit(places: 5, rate: KeyLimit.Rate(600, per: .seconds(60), burst: 10))
            #expect(try await tributary.queue.limit(of: .webhooks)?.limit == limit.asKept)
            let shown = try await tributary("limits", "--json").json["queues"]
            #expect(shown?[3]?["limit"]?["burst"] == 10 && shown?[3]?["limit"]?["processes"] == [])
            #expect(shown?[0]?["limit"] == .null)
            let page = try await tributary("limits")
            #expect(page.out.contains("webhooks       0        5           100 ms     10"))
            for (rate, microseconds) in [("600/s", 1666), ("5000/s", 200)] as [(String, Int64)] {
                _ = try await tributary("limits", "set", "webhooks", rate)
                let kept = try await tributary("limits", "--queue", "webhooks", "--json").json["queues"]?[0]?["limit"]
                #expect(kept?["startIntervalUs"] == JSON(integer: microseconds))
            }
            #expect(try await tributary("limits").out.contains("200 µs"))
            #expect(try await tributary("limits", "set", "webhooks", "many").status == .usage)
            #expect(try await tributary("limits", "set", "webhook", "5").status == .usage)
            _ = try await tributary("limits", "lift", "webhooks")
            #expect(try await tributary.queue.limit(of: .webhooks) == nil)
        }
    }
}
