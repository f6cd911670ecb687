import Core
import EventLoop
import JobQueue
import Postgres
import Redis
import Telemetry

extension FleetProcess {
    /// Conditions and log lines of the stores' connections.
    func observeStores() {
        health.set("start", .failing("starting"))
        health.add("redis") { [queueConnection] in
            if queueConnection.isReady { return .healthy }
            return .failing(queueConnection.lastFailure?.description ?? "not connected")
        }
        guard let postgresPool else { return }
        health.add("postgres") { postgresPool.isReady ? .healthy : .failing("no connection") }
        let log = Log(component: "postgres")
        postgresPool.onEvent = { event in
            switch event {
            case .connected: log.debug("connected")
            case .connectFailed(let error): log.warning("cannot connect", ["error": .error(error)])
            case .lost(let error): log.warning("a connection is lost", ["error": .error(error)])
            }
        }
    }

    /// What the stores' settings and the clocks give rise to.
    func storeFindings() async throws -> [StartFinding] {
        var findings = try await QueueStartChecks.run(
            connection: queueConnection, configuration: queue.configuration, durability: configuration.redisDurability,
            replicas: configuration.replicas)
        var clocks = try await readRedisClocks()
        if let postgresPool {
            findings += softened(try await PostgresStartChecks.durability(postgresPool))
            clocks.append(try await PostgresStartChecks.readClock(postgresPool))
        }
        return findings
            + ClockCheck(readings: clocks).findings().map {
                StartFinding($0.isRefusal ? .refusal : .warning, $0.message)
            }
    }

    /// Refusals of durability become warnings where the configuration says so.
    private func softened(_ findings: [StartFinding]) -> [StartFinding] {
        if configuration.durability == .refuse { return findings }
        return findings.map { StartFinding(.warning, $0.message) }
    }

    /// That of each master.
    private func readRedisClocks() async throws(RedisError) -> [ClockCheck.Reading] {
        let before = Loop.wallClock
        var readings: [ClockCheck.Reading] = []
        for answer in try await queueConnection.commandToAll(["TIME"]) {
            guard let seconds = answer[0]?.integer, let microseconds = answer[1]?.integer else {
                throw RedisError(.other, "TIME gave no time")
            }
            readings.append(
                ClockCheck.Reading(
                    name: "Redis", time: EpochMilliseconds(rawValue: seconds * 1000 + microseconds / 1000),
                    askedAt: before, answeredAt: Loop.wallClock))
        }
        return readings
    }

    /// Depth and age of a queue, asked of Redis when metrics are asked for, at most every ``depthAge``.
    func observeDepth(of queueName: QueueName) {
        let jobs = Gauge("queue_jobs", "Jobs in a queue, by state.", labels: ["queue", "state"])
        let age = Gauge(
            "queue_oldest_ready_age_seconds", "Age of the job that waits longest; 0 when none waits.", labels: ["queue"]
        )
        let paused = Gauge("queue_paused", "1 while a queue is paused.", labels: ["queue"])
        let label = queueName.rawValue
        var askedAt = Int64.min
        beforeScrape { [self] in
            let now = Loop.monotonicMilliseconds
            guard askedAt == .min || now - askedAt >= Self.depthAge.milliseconds else { return }
            askedAt = now
            do {
                let stats = try await queue.stats(queueName)
                let sum = stats.sum
                jobs.set(sum.ready, [label, "ready"])
                jobs.set(sum.suspects, [label, "suspects"])
                jobs.set(sum.scheduled, [label, "scheduled"])
                jobs.set(sum.leased, [label, "leased"])
                jobs.set(sum.dead, [label, "dead"])
                age.set(Double(sum.oldestReadyAge?.milliseconds ?? 0) / 1000, [label])
                paused.set(stats.isPaused ? 1 : 0, [label])
            } catch {
                log.warning("the queue's depth cannot be read", ["queue": .string(label), "error": .error(error)])
            }
        }
    }

    private static var depthAge: Duration { .seconds(5) }
}
