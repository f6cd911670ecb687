import Core
import EventLoop
import Fleet
import JobQueue
import Redis
import TestSupport
import Testing

@testable import Inspector

/// `workers`: connections joined with leases.
struct WorkersCommandTests {
    init() { Loop.startThread() }

    /// A worker process as it names itself: its queue's connection, and one that waits for markers.
    @Loop private func worker(
        _ tributary: InspectorFixture, _ name: String, waits: QueueName?
    ) async throws -> (queue: JobQueue, connections: [RedisClient]) {
        var redis = try tributary.configuration().redis
        redis.clientName = name
        var configuration = try tributary.configuration().queue
        configuration.workerName = name
        var connections = [RedisClient(redis, purpose: "queue")]
        if let waits { connections.append(RedisClient(redis, purpose: "wake-\(waits.rawValue)")) }
        for connection in connections {
            connection.start()
            try await connection.waitUntilReady(within: .seconds(10))
        }
        return (JobQueue(connection: connections[0], configuration: configuration), connections)
    }

    @Loop @Test func eachProcessShowsWhatItDoesNow() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let prefix = tributary.environment["TRIBUTARY_PREFIX"] ?? ""
            let names = ["busy", "free", "door", "lost"].map { "tributary-\($0)-worker@\(prefix):1" }
            let busy = try await worker(tributary, names[0], waits: .clicks)
            let free = try await worker(tributary, names[1], waits: .webhooks)
            let door = try await worker(tributary, names[2], waits: nil)
            let lost = try await worker(tributary, names[3], waits: .clicks)
            var jobs = (0..<7).map { NewJob.test("job-\($0)", kind: $0 < 5 ? "click.v1" : "other.v1") }
            for index in jobs.indices { jobs[index].shardKey = "one" }
            _ = try await tributary.queue.enqueue(jobs + [.test("late", .webhooks)])
            let shard = tributary.queue.configuration.shard(of: "one")
            _ = try await busy.queue.lease(.clicks, shard: shard, max: 4, mayTakeAlone: false)
            _ = try await busy.queue.lease(.clicks, shard: shard, max: 3, mayTakeAlone: false)
            let late = tributary.queue.configuration.shard(of: "late")
            _ = try await lost.queue.lease(.webhooks, shard: late, max: 1, mayTakeAlone: false)
            for connection in lost.connections { connection.close() }
            // Redis may take a moment to see that it is gone.
            try await eventually {
                let json = try await tributary("workers", "--json").json
                return json["processes"]?.array?.last { $0["process"]?.string == names[3] }?["state"] == "gone"
            }
            let json = try await tributary("workers", "--json").json
            let found = names.map { name in json["processes"]?.array?.first { $0["process"]?.string == name } }
            #expect(found.map { $0?["state"]?.string } == ["working", "idle", "serving", "gone"])
            #expect(found.map { $0?["queues"] } == [["clicks"], ["webhooks"], [], ["webhooks"]])
            #expect(found.map { $0?["inHand"]?.integer } == [7, 0, 0, 1])
            #expect(found.map { $0?["leases"]?.integer } == [2, 0, 0, 1])
            #expect(found.map { $0?["connections"]?.integer } == [2, 2, 1, 0])
            #expect(found[0]?["longestJob"] == "job-0" && found[0]?["longestMs"]?.integer ?? -1 >= 0)
            #expect(
                found[0]?["kinds"] == [["kind": "click.v1", "count": 5], ["kind": "other.v1", "count": 2]])
            #expect(json["seen"] == 8 && json["complete"] == true)
            let run = try await tributary("workers")
            #expect(run.lines[0].hasPrefix("process "))
            let line = run.lines.first { $0.contains(names[0]) }
            #expect(line?.contains("  working  ") == true && line?.hasSuffix("click.v1 × 5, other.v1 × 2") == true)
            #expect(run.lines.contains { $0.contains(names[3]) && $0.hasSuffix("test.v1 late") })
            #expect(run.out.contains("1 worker ended without giving leases back"))
            let cut = try await tributary("workers", "--scan", "3")
            #expect(cut.out.contains("3 jobs under leases looked at, there are more"))
            withExtendedLifetime((busy.connections, free.connections, door.connections)) {}
        }
    }

    @Loop @Test func theInspectorItselfIsNoWorker() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let name = "tributary-test-\(tributary.environment["TRIBUTARY_PREFIX"] ?? "")"
            _ = try await tributary.connection.command(["CLIENT", "SETNAME", .string(name)])
            let processes = try await tributary("workers", "--json").json["processes"]?.array ?? []
            let own = processes.first { $0["process"]?.string == name }
            #expect(own?["connections"] == 1 && own?["connectedSeconds"]?.integer != nil)
            #expect(!processes.contains { $0["process"] == "tributary" || $0["process"] == "tributary:inspector" })
        }
    }

    @Test func linesOfClientListAreRead() {
        let text = """
            id=3 addr=127.0.0.1:4 name=tributary-click-worker@a:9:queue age=70 idle=4 cmd=evalsha user=default
            id=4 addr=127.0.0.1:5 name=tributary-click-worker@a:9:wake-clicks age=65 idle=1 cmd=blpop
            id=5 addr=127.0.0.1:6 name=tributary:inspector age=1 idle=0 cmd=client|list
            id=6 addr=127.0.0.1:7 name=redis-cli age=1 idle=0 cmd=ping
            id=7 addr=127.0.0.1:8 name= age=1 idle=0 cmd=NULL
            """
        let found = WorkerPresence.read(text)
        #expect(found.map(\.name) == ["tributary-click-worker@a:9"])
        #expect(found[0].connections == 2 && found[0].ageSeconds == 70 && found[0].idleSeconds == 1)
        #expect(found[0].lastCommand == "blpop" && found[0].queues == [.clicks])
        let ofCluster = WorkerPresence.read("name=tributary-x-worker@h:1:wake-webhooks-12 age=7 idle=1 cmd=blpop")
        #expect(ofCluster.first?.queues == [.webhooks])
    }
}
