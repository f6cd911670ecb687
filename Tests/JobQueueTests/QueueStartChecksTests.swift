import EventLoop
import JobQueue
import Redis
import TestSupport
import Testing

struct QueueStartChecksTests {
    init() { Loop.startThread() }

    private static let good = [
        "maxmemory": "0", "maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
    ]

    @Test(arguments: [
        ("maxmemory-policy", "allkeys-lru", StartFinding.Severity.warning),
        ("appendonly", "no", .refusal), ("appendfsync", "everysec", .refusal), ("appendfsync", "no", .refusal),
        ("no-appendfsync-on-rewrite", "yes", .refusal),
    ])
    func aSettingThatLosesAcknowledgedJobsIsFound(name: String, value: String, severity: StartFinding.Severity) {
        #expect(QueueStartChecks.check(Self.good, durability: .always).isEmpty)
        var settings = Self.good
        settings[name] = value
        #expect(QueueStartChecks.check(settings, durability: .always).map(\.severity) == [severity])
    }

    @Test("known failure 6: eviction under a limit is refused at the start, even for development")
    func evictionUnderALimitIsRefusedEvenForDevelopment() {
        var settings = Self.good
        settings["maxmemory"] = "1000000"
        settings["maxmemory-policy"] = "volatile-lru"
        #expect(QueueStartChecks.check(settings, durability: .any).map(\.severity) == [.refusal])
    }

    @Test func whatIsAskedForDecidesBetweenWarningAndRefusal() {
        var settings = Self.good
        settings["appendfsync"] = "everysec"
        #expect(QueueStartChecks.check(settings, durability: .everySecond).isEmpty)
        settings["appendonly"] = "no"
        #expect(QueueStartChecks.check(settings, durability: .everySecond).map(\.severity) == [.refusal])
        #expect(QueueStartChecks.check(settings, durability: .any).map(\.severity) == [.warning])
    }

    @Test(
        arguments: [
            (0, 1, [StartFinding.Severity.refusalForNow]), (1, 1, []), (2, 1, [.warning]), (1, 0, [.warning]),
            (2, 0, [.warning, .warning]), (1, nil, []),
        ] as [(Int, Int?, [StartFinding.Severity])])
    func whoWaitsForReplicasNeedsThem(connected: Int, minReplicas: Int?, severities: [StartFinding.Severity]) {
        let findings = QueueStartChecks.checkReplicas(
            connected: connected, minReplicasToWrite: minReplicas,
            demand: ReplicaDemand(replicas: 1, within: .seconds(1)), isRefused: true)
        #expect(findings.map(\.severity) == severities)
    }

    @Loop @Test func aRedisWithoutReplicasIsRefusedToWhoWaitsForThem() async throws {
        let connection = try await QueueFixture.connect(to: try await TestServers.redis, purpose: "test")
        var configuration = JobQueueConfiguration()
        configuration.prefix = uniqueName("queue")
        let findings = try await QueueStartChecks.run(
            connection: connection, configuration: configuration, durability: .everySecond,
            replicas: ReplicaDemand(replicas: 1, within: .seconds(1)))
        #expect(findings.contains { $0.severity == .refusalForNow && $0.message.contains("0 replicas") })
    }

    @Loop @Test func theNumberOfShardsIsFixedByTheFirstProcess() async throws {
        let redis = try await TestServers.redis
        let connection = try await QueueFixture.connect(to: redis, purpose: "test")
        var configuration = JobQueueConfiguration()
        configuration.prefix = uniqueName("queue")
        for _ in 0..<2 {
            let findings = try await QueueStartChecks.run(
                connection: connection, configuration: configuration, durability: .any)
            #expect(findings.allSatisfy { $0.severity == .warning })
        }
        configuration.shardCount = 8
        let findings = try await QueueStartChecks.run(
            connection: connection, configuration: configuration, durability: .any)
        #expect(findings.first?.severity == .refusal)
        #expect(findings.first?.message.contains("16 shards") == true)
        _ = try await connection.command(["SET", .string("\(configuration.prefix):layout"), "3 8"])
        let newer = try await QueueStartChecks.run(
            connection: connection, configuration: configuration, durability: .any)
        #expect(newer.first?.message.contains("layout in Redis is 3") == true)
    }

    @Loop @Test func theLayoutOfBeforeIsRaisedAndThatOfLaterIsNot() async throws {
        let connection = try await QueueFixture.connect(to: try await TestServers.redis, purpose: "test")
        var configuration = JobQueueConfiguration()
        configuration.prefix = uniqueName("queue")
        let key = RedisArgument.string("\(configuration.prefix):layout")
        for (stored, isRefused) in [("1 16", false), ("2 16", false), ("3 16", true), ("1 8", true)] {
            _ = try await connection.command(["SET", key, .string(stored)])
            let findings = try await QueueStartChecks.run(
                connection: connection, configuration: configuration, durability: .any)
            #expect(findings.contains { $0.severity == .refusal } == isRefused, "\(stored)")
            let after = try await connection.command(["GET", key]).string
            #expect(after == (isRefused ? stored : "2 16"))
        }
    }

    @Test func aConfigurationNamesAllItsProblemsAtOnce() {
        var configuration = JobQueueConfiguration()
        #expect(configuration.problems().isEmpty)
        configuration.prefix = "a{b}"
        configuration.shardCount = 0
        configuration.lease = .milliseconds(1)
        #expect(configuration.problems().count == 3)
    }

    @Test func faultsHaveNames() {
        #expect(QueueFaults(named: "skip-leased-alone") == .skipLeasedAlone)
        #expect(QueueFaults(named: "skip-digest-check") == .skipDigestCheck)
        #expect(QueueFaults(named: "drop-follow-ups") == .dropFollowUps)
        #expect(QueueFaults(named: "skip-fence") == .skipFence && QueueFaults.named.count == 7)
        #expect(QueueFaults(named: "none") == nil)
    }
}
