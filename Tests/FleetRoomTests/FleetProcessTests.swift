import Core
import EventLoop
import HTTPServer
import Redis
import TestSupport
import Testing

@testable import Fleet
@testable import JobQueue

/// A process from start to end with real stores, inside the test's own process.
@Suite struct FleetProcessTests {
    init() { Loop.startThread() }

    @Loop private func configuration(_ more: [String: String] = [:]) async throws -> FleetConfiguration {
        let redis = try await TestServers.redis
        let postgres = try await TestServers.postgres
        let settings = [
            "TRIBUTARY_REDIS_URL": redis.url, "TRIBUTARY_POSTGRES_URL": postgres.url,
            "TRIBUTARY_PREFIX": uniqueName("fleet"), "TRIBUTARY_DURABILITY": "warn", "TRIBUTARY_SHARDS": "2",
            "TRIBUTARY_DRAIN_MS": "5000",
        ]
        return try FleetConfiguration(
            environment: settings.merging(more) { $1 }, required: [.postgresURL], resolve: { $0 })
    }

    private func job(_ id: String) -> NewJob {
        NewJob(id: id, queue: .commissions, kind: "test.v1", payload: [], shardKey: id)
    }

    private func get(_ process: FleetProcess, _ path: String) async throws -> (status: String, body: String) {
        let port = await process.metricsServer?.port ?? 0
        let result = try await runCommand("curl", ["-s", "-w", "\n%{http_code}", "http://127.0.0.1:\(port)\(path)"])
        let lines = result.stdout.split(
            separator: "\n", omittingEmptySubsequences: false)
        return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
    }

    @Loop @Test func itStartsWorksAnswersAndDrains() async throws {
        let handled = Held(0)
        let gate = Gate()
        let process = FleetProcess("tributary-test-worker", try await configuration()) { fleet in
            fleet.work(
                .commissions,
                ClosureHandler { batch in
                    if batch.contains(where: { $0.id == "slow" }) { try await gate.waitUnlessCancelled() }
                    handled.value += batch.count
                    return batch.map { _ in .completed() }
                })
        }
        let run = Task { @Loop in await process.run() }
        try await eventually(within: .seconds(30)) { process.hasStarted }
        _ = try await process.queue.enqueue((0..<250).map { job("job-\($0)") })
        try await eventually { handled.value == 250 }
        try await eventually { process.queue.heldJobCount == 0 }

        let metrics = try await get(process, "/metrics")
        #expect(metrics.status == "200")
        #expect(
            metrics.body.contains("jobs_completed_total{queue=\"commissions\",kind=\"test.v1\",outcome=\"completed\"}"))
        #expect(metrics.body.contains("queue_jobs{queue=\"commissions\",state=\"ready\"} 0"))
        #expect(metrics.body.contains("process_resident_memory_bytes"))
        #expect(try await get(process, "/health/live").status == "200")
        let ready = try await get(process, "/health/ready")
        #expect(ready.status == "200" && ready.body.contains("\"postgres\":{\"status\":\"healthy\"}"))
        #expect(try await get(process, "/else").status == "404")

        // Work in hand when the signal comes is finished, and nothing new is begun.
        _ = try await process.queue.enqueue(job("slow"))
        try await eventually { gate.arrivals == 1 }
        process.stopSignal()
        #expect(try await get(process, "/health/ready").status == "503")
        gate.open()
        #expect(await run.value == .success)
        #expect(handled.value == 251)
    }

    @Loop @Test func afterTheDeadlineWorkIsGivenBackWithoutAnAttempt() async throws {
        let configuration = try await configuration(["TRIBUTARY_DRAIN_MS": "50"])
        let gate = Gate()
        let process = FleetProcess("tributary-test-worker", configuration) { fleet in
            fleet.work(
                .commissions,
                ClosureHandler { batch in
                    try await gate.waitUnlessCancelled()
                    return batch.map { _ in .completed() }
                })
        }
        let run = Task { @Loop in await process.run() }
        try await eventually(within: .seconds(30)) { process.hasStarted }
        _ = try await process.queue.enqueue(job("stuck"))
        try await eventually { gate.arrivals == 1 }
        process.stopSignal()
        #expect(await run.value == .success)

        let connection = RedisClient(configuration.redis, purpose: "test")
        connection.start()
        try await connection.waitUntilReady(within: .seconds(5))
        let queue = JobQueue(connection: connection, configuration: configuration.queue)
        let left = try #require(try await queue.find("stuck", in: .commissions))
        #expect(left.state == .ready && left.attempt == 0 && left.crashes == 0)
        connection.close()
    }

    /// Found by the fleet test: Redis was killed in the moment of a worker's start, and the worker was gone for good.
    @Loop @Test func aStoreThatGoesAwayDuringTheChecksIsWaitedFor() async throws {
        let looks = Held(0)
        let process = FleetProcess(
            "tributary-test-worker", try await configuration(),
            checks: [
                { _ in
                    looks.value += 1
                    if looks.value < 3 { throw RedisError(.connectionLost, "Connection reset by peer") }
                    return []
                }
            ]
        ) { _ in }
        let run = Task { @Loop in await process.run() }
        try await eventually(within: .seconds(30)) { process.hasStarted }
        #expect(looks.value == 3)
        process.stopSignal()
        #expect(await run.value == .success)
    }

    @Loop @Test func aStartThatLosesItsStoreAsksToBeStartedAgain() async throws {
        let limit = ["TRIBUTARY_START_MS": "300"]
        let checked = FleetProcess(
            "tributary-test-worker", try await configuration(limit),
            checks: [{ _ in throw RedisError(.connectionLost, "Connection reset by peer") }]
        ) { _ in Issue.record("it was set up") }
        #expect(await checked.run() == .temporaryFailure)
        let setUp = FleetProcess("tributary-test-worker", try await configuration(limit)) { _ in
            throw RedisError(.connectionLost, "Connection reset by peer")
        }
        #expect(await setUp.run() == .temporaryFailure)
        struct Broken: Error {}
        let broken = FleetProcess("tributary-test-worker", try await configuration(limit)) { _ in throw Broken() }
        #expect(await broken.run() == .failure)
    }

    @Loop @Test func aStoreThatCouldLoseWorkIsRefused() async throws {
        let process = FleetProcess(
            "tributary-test-worker", try await configuration(["TRIBUTARY_DURABILITY": "refuse"])
        ) { _ in Issue.record("it was set up") }
        #expect(await process.run() == .configuration)
    }

    @Loop @Test func aRefusalOfADomainCheckEndsTheStart() async throws {
        let process = FleetProcess(
            "tributary-test-worker", try await configuration(),
            checks: [{ _ in [StartFinding(.refusal, "the schema has another number")] }]
        ) { _ in Issue.record("it was set up") }
        #expect(await process.run() == .configuration)
    }

    @Loop @Test func anotherNumberOfShardsIsRefused() async throws {
        let prefix = uniqueName("fleet")
        let redis = try await TestServers.redis
        let connection = RedisClient(try RedisConfiguration(host: redis.host, port: redis.port), purpose: "test")
        connection.start()
        try await connection.waitUntilReady(within: .seconds(5))
        var queue = JobQueueConfiguration()
        queue.prefix = prefix
        queue.shardCount = 4
        _ = try await QueueStartChecks.run(connection: connection, configuration: queue, durability: .any)
        connection.close()
        let process = FleetProcess(
            "tributary-test-worker", try await configuration(["TRIBUTARY_PREFIX": prefix])
        ) { _ in Issue.record("it was set up") }
        #expect(await process.run() == .configuration)
    }

    @Loop @Test func aStoreThatDoesNotAnswerIsATemporaryFailure() async throws {
        let port = try TestPort.free()
        let process = FleetProcess(
            "tributary-test-worker",
            try await configuration(["TRIBUTARY_REDIS_URL": "redis://127.0.0.1:\(port)", "TRIBUTARY_START_MS": "200"])
        ) { _ in Issue.record("it was set up") }
        #expect(await process.run() == .temporaryFailure)
    }

    @Loop @Test func aSignalEndsAStartThatWaits() async throws {
        let port = try TestPort.free()
        let process = FleetProcess(
            "tributary-test-worker",
            try await configuration([
                "TRIBUTARY_REDIS_URL": "redis://127.0.0.1:\(port)", "TRIBUTARY_START_MS": "600000",
            ])
        ) { _ in Issue.record("it was set up") }
        let run = Task { @Loop in await process.run() }
        try await eventually { process.startTask != nil }
        process.stopSignal()
        #expect(await run.value == .success)
    }
}
