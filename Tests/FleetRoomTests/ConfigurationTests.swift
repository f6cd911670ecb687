import Core
import Crypto
import JobQueue
import Postgres
import Redis
import Telemetry
import TestSupport
import Testing

@testable import Fleet

@Suite struct ConfigurationTests {
    private static let key = Base64.encode([UInt8](repeating: 7, count: 32))
    private static let resolve: @Sendable (String) -> String? = {
        $0 == "unknown.example" ? nil : ["db": "10.0.0.5", "localhost": "127.0.0.1"][$0] ?? $0
    }

    private func load(_ environment: [String: String], file: [String: String] = [:], required: [Setting] = []) throws
        -> FleetConfiguration
    {
        try FleetConfiguration(environment: environment, file: file, required: required, resolve: Self.resolve)
    }

    private func problems(_ environment: [String: String], required: [Setting] = []) -> [ConfigurationProblem] {
        do {
            _ = try FleetConfiguration(environment: environment, required: required, resolve: Self.resolve)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func nothingSaidIsTheDefaults() throws {
        let configuration = try load([:])
        #expect(configuration.redis.endpoint == .tcp(address: "127.0.0.1", port: 6379))
        #expect(configuration.postgres == nil)
        #expect(configuration.queue == JobQueueConfiguration())
        #expect(configuration.metricsAddress == "127.0.0.1")
        #expect(configuration.metricsPort == 0)
        #expect(configuration.ingestPort == 4000)
        #expect(configuration.batch == 100)
        #expect(configuration.concurrency == nil)
        #expect(configuration.durability == .refuse)
        #expect(configuration.logLevel == .info)
        #expect(configuration.masterKey == nil)
        #expect(!configuration.allowsHTTP && !configuration.isDemo)
    }

    @Test func eachSettingIsRead() throws {
        let configuration = try load([
            "TRIBUTARY_REDIS_URL": "redis://:p%40ss@localhost:6390/3",
            "TRIBUTARY_POSTGRES_URL": "postgresql://ada:secret@db:5433/books?sslmode=require",
            "TRIBUTARY_SCHEMA": "books", "TRIBUTARY_POSTGRES_POOL": "8", "TRIBUTARY_DURABILITY": "warn",
            "TRIBUTARY_REDIS_FSYNC": "everysec", "TRIBUTARY_PREFIX": "t.1", "TRIBUTARY_SHARDS": "4",
            "TRIBUTARY_LEASE_MS": "500", "TRIBUTARY_CONCURRENCY": "5", "TRIBUTARY_BATCH": "50",
            "TRIBUTARY_DRAIN_MS": "0", "TRIBUTARY_START_MS": "1000", "TRIBUTARY_METRICS_ADDRESS": "::1",
            "TRIBUTARY_METRICS_PORT": "9100", "TRIBUTARY_INGEST_ADDRESS": "0.0.0.0", "TRIBUTARY_INGEST_PORT": "0",
            "TRIBUTARY_LOG_LEVEL": "debug", "TRIBUTARY_MASTER_KEY": Self.key, "TRIBUTARY_MASTER_KEY_ID": "k-2",
            "TRIBUTARY_PRIVACY_KEY": Self.key, "TRIBUTARY_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8",
            "TRIBUTARY_ALLOW_DESTINATIONS": "127.0.0.0/8", "TRIBUTARY_ALLOW_HTTP": "1",
            "TRIBUTARY_SMTP_URL": "smtp://u:p@mail.example:587", "TRIBUTARY_MAIL_FROM": "a@b.example",
            "TRIBUTARY_MAIL_TO": "c@d.example,e@f.example", "TRIBUTARY_CHAT_URL": "https://chat.example/hook/x",
            "TRIBUTARY_TEST": "1", "TRIBUTARY_FAULTS": "drop-follow-ups,other", "TRIBUTARY_SEED": "42",
            "TRIBUTARY_QUEUE_LENGTH_MAX": "clicks=500, conversions=100000000",
            "TRIBUTARY_KEEP_COMPLETED": "webhooks=24h/100000,clicks=90s/1", "TRIBUTARY_CANCEL_GRACE_MS": "250",
            "TRIBUTARY_QUEUE_LIMITS": "webhooks=50, notifications=5+600/m*10,batches=1/h", "TRIBUTARY_WEIGHT": "7",
            "TRIBUTARY_TEST_DELAY_MS": "2-30", "TRIBUTARY_TEST_RECORDER": "/run/stages",
        ])
        #expect(configuration.queue.weight == 7)
        #expect(
            configuration.queueLimits == [
                .webhooks: QueueLimit(places: 50),
                .notifications: QueueLimit(places: 5, rate: KeyLimit.Rate(600, per: .seconds(60), burst: 10)),
                .batches: QueueLimit(rate: KeyLimit.Rate(1, per: .seconds(3600))),
            ])
        #expect(configuration.testDelay == .milliseconds(2) ... .milliseconds(30))
        #expect(configuration.queue.settleDelay == configuration.testDelay)
        #expect(configuration.testRecorder == "/run/stages")
        #expect(configuration.redis.endpoint == .tcp(address: "127.0.0.1", port: 6390))
        #expect(configuration.redis.password == "p@ss")
        #expect(configuration.redis.database == 3)
        let postgres = try #require(configuration.postgres)
        #expect(postgres.address == .ip("10.0.0.5", port: 5433))
        #expect(postgres.user == "ada" && postgres.password == "secret" && postgres.database == "books")
        #expect(postgres.tls.mode == .require && postgres.tls.serverName == "db")
        #expect(postgres.schema == "books" && postgres.poolSize == 8)
        #expect(configuration.durability == .warn)
        #expect(configuration.queue.prefix == "t.1" && configuration.queue.shardCount == 4)
        #expect(configuration.queue.lease == .milliseconds(500))
        #expect(configuration.queue.faults == .dropFollowUps)
        #expect(configuration.queue.lengthMax == [.clicks: 500, .conversions: 100_000_000])
        #expect(
            configuration.queue.keptCompleted == [
                .webhooks: CompletedRetention(age: .seconds(86_400), count: 100_000),
                .clicks: CompletedRetention(age: .seconds(90), count: 1),
            ])
        #expect(configuration.queue.cancelGrace == .milliseconds(250) && configuration.queue.problems().isEmpty)
        #expect(configuration.faults == ["drop-follow-ups", "other"])
        #expect(configuration.concurrency == 5 && configuration.batch == 50)
        #expect(configuration.drain == .zero && configuration.startLimit == .seconds(1))
        #expect(configuration.metricsAddress == "::1" && configuration.metricsPort == 9100)
        #expect(configuration.ingestAddress == "0.0.0.0" && configuration.ingestPort == 0)
        #expect(configuration.masterKey?.reveal().count == 32 && configuration.masterKeyID == "k-2")
        #expect(configuration.trustedProxies.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        #expect(configuration.allowedDestinations.first?.contains("127.9.9.9") == true)
        #expect(configuration.allowsHTTP)
        #expect(configuration.mailTo == ["c@d.example", "e@f.example"])
    }

    @Test(arguments: [
        ("TRIBUTARY_REDIS_URL", "127.0.0.1:6379"), ("TRIBUTARY_REDIS_URL", "rediss://127.0.0.1"),
        ("TRIBUTARY_REDIS_URL", "redis://unknown.example"), ("TRIBUTARY_POSTGRES_URL", "mysql://a@127.0.0.1/b"),
        ("TRIBUTARY_POSTGRES_URL", "postgresql://127.0.0.1/b"),
        ("TRIBUTARY_POSTGRES_URL", "postgresql://a@unknown.example/b"),
        ("TRIBUTARY_POSTGRES_URL", "postgresql://a@10.0.0.1,10.0.0.2/b"),
        ("TRIBUTARY_POSTGRES_URL", "postgresql://a@db:5432,db:5433/b?hostaddr=10.0.0.1"),
        ("TRIBUTARY_SCHEMA", "Books"), ("TRIBUTARY_SCHEMA", "1st"), ("TRIBUTARY_SCHEMA", "a;drop"),
        ("TRIBUTARY_POSTGRES_POOL", "0"), ("TRIBUTARY_DURABILITY", "maybe"), ("TRIBUTARY_REDIS_FSYNC", "never"),
        ("TRIBUTARY_PREFIX", "a{b}"), ("TRIBUTARY_SHARDS", "0"), ("TRIBUTARY_SHARDS", "1e3"),
        ("TRIBUTARY_SHARDS", "+4"),
        ("TRIBUTARY_LEASE_MS", "15s"), ("TRIBUTARY_CONCURRENCY", "-1"), ("TRIBUTARY_BATCH", "501"),
        ("TRIBUTARY_METRICS_PORT", "65536"), ("TRIBUTARY_METRICS_ADDRESS", "localhost"),
        ("TRIBUTARY_LOG_LEVEL", "INFO"),
        ("TRIBUTARY_DEMO", "yes"), ("TRIBUTARY_MASTER_KEY", "c2hvcnQ="), ("TRIBUTARY_MASTER_KEY_ID", "a b"),
        ("TRIBUTARY_PRIVACY_KEY", "AAAA"), ("TRIBUTARY_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRIBUTARY_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRIBUTARY_ALLOW_DESTINATIONS", "127.0.0.0/8,"), ("TRIBUTARY_SMTP_URL", "http://mail.example"),
        ("TRIBUTARY_SMTP_URL", "smtp://mail.example,other.example"),
        ("TRIBUTARY_MAIL_FROM", "nobody"), ("TRIBUTARY_MAIL_TO", "a@b.example,c d@e.example"),
        ("TRIBUTARY_CHAT_URL", "chat.example"),
        ("TRIBUTARY_FAULTS", "drop-follow-ups"), ("TRIBUTARY_SEED", "x"),
        ("TRIBUTARY_QUEUE_LENGTH_MAX", "500"), ("TRIBUTARY_QUEUE_LENGTH_MAX", "click=5"),
        ("TRIBUTARY_QUEUE_LENGTH_MAX", "clicks=0"), ("TRIBUTARY_QUEUE_LENGTH_MAX", "clicks=100000001"),
        ("TRIBUTARY_QUEUE_LENGTH_MAX", "clicks=5,clicks=6"), ("TRIBUTARY_QUEUE_LENGTH_MAX", "clicks=5,"),
        ("TRIBUTARY_KEEP_COMPLETED", "webhooks=24h"), ("TRIBUTARY_KEEP_COMPLETED", "webhooks=0s/5"),
        ("TRIBUTARY_KEEP_COMPLETED", "webhooks=367d/5"), ("TRIBUTARY_KEEP_COMPLETED", "webhooks=24/5"),
        ("TRIBUTARY_KEEP_COMPLETED", "webhooks=1h/10000001"), ("TRIBUTARY_CANCEL_GRACE_MS", "3600001"),
        ("TRIBUTARY_QUEUE_LIMITS", "webhooks"), ("TRIBUTARY_QUEUE_LIMITS", "webhooks=0"),
        ("TRIBUTARY_QUEUE_LIMITS", "webhooks=5+6"), ("TRIBUTARY_QUEUE_LIMITS", "webhooks=5/d"),
        ("TRIBUTARY_QUEUE_LIMITS", "webhooks=5/s*0"), ("TRIBUTARY_QUEUE_LIMITS", "webhooks=5/s+6/s"),
        ("TRIBUTARY_QUEUE_LIMITS", "webhooks=-5"), ("TRIBUTARY_QUEUE_LIMITS", "webhooks=5,webhooks=6"),
        ("TRIBUTARY_WEIGHT", "0"), ("TRIBUTARY_WEIGHT", "101"),
        ("TRIBUTARY_TEST_DELAY_MS", "1-5"), ("TRIBUTARY_TEST_RECORDER", "/tmp/recorder"),
    ])
    func aBadValueIsNamedWithWhatToDo(_ name: String, _ value: String) throws {
        let found = problems([name: value])
        #expect(found.map(\.name) == [name])
        let reason = try #require(found.first?.reason)
        #expect(reason.contains("must") || reason.contains("resolve") || reason.contains("unset"), "\(reason)")
    }

    @Test func whatIsWrongWithSeveralHostsOfPostgreSQLIsSaid() {
        let found = problems(["TRIBUTARY_POSTGRES_URL": "postgresql://a@10.0.0.1,10.0.0.2/b"])
        #expect(found.map { $0.reason.contains("several hosts") } == [true])
    }

    @Test(arguments: ["5", "5-1", "-1-5", "1-1001", "1-5-9", "a-b", "-"])
    func aDelayOfATestHasTwoBoundsInOrder(_ text: String) {
        let found = problems(["TRIBUTARY_TEST": "1", "TRIBUTARY_TEST_DELAY_MS": text])
        #expect(found.map(\.name) == ["TRIBUTARY_TEST_DELAY_MS"])
    }

    @Test func allProblemsComeAtOneGo() {
        let found = problems(
            [
                "TRIBUTARY_REDIS_URL": "nonsense", "TRIBUTARY_SHARDS": "many", "TRIBUTARY_BATCHES": "3",
                "TRIBUTARY_ALLOW_HTTP": "perhaps", "PATH": "/bin",
            ], required: [.postgresURL, .masterKey])
        #expect(
            Set(found.map(\.name)) == [
                "TRIBUTARY_REDIS_URL", "TRIBUTARY_SHARDS", "TRIBUTARY_BATCHES", "TRIBUTARY_ALLOW_HTTP",
                "TRIBUTARY_POSTGRES_URL", "TRIBUTARY_MASTER_KEY",
            ])
        let text = ConfigurationProblems(problems: found).description
        #expect(text.hasPrefix("6 problems with the configuration:\n"))
        #expect(text.split(separator: "\n").count == 7)
    }

    @Test(arguments: [
        ("TRIBUTARY_BATCHES", "TRIBUTARY_BATCH"), ("TRIBUTARY_REDISURL", "TRIBUTARY_REDIS_URL"),
        ("TRIBUTARY_LOGLEVEL", "TRIBUTARY_LOG_LEVEL"), ("TRIBUTARY_METRIC_PORT", "TRIBUTARY_METRICS_PORT"),
    ])
    func anUnknownNameIsGivenItsNearest(_ name: String, _ nearest: String) {
        #expect(problems([name: "1"]).first?.reason.contains("did you mean \(nearest)?") == true)
    }

    @Test func aNameLikeNoOtherGetsNoGuess() {
        #expect(problems(["TRIBUTARY_ZZZZZZZZZZ": "1"]).first?.reason.contains("did you mean") == false)
    }

    @Test func theEnvironmentWinsOverTheFileAndTheFileOverTheDefaults() throws {
        let configuration = try load(
            ["TRIBUTARY_BATCH": "20"], file: ["TRIBUTARY_BATCH": "30", "TRIBUTARY_SHARDS": "8"])
        #expect(configuration.batch == 20)
        #expect(configuration.queue.shardCount == 8)
        #expect(configuration.lines.contains("TRIBUTARY_BATCH=20  # environment"))
        #expect(configuration.lines.contains("TRIBUTARY_SHARDS=8  # file"))
        #expect(configuration.lines.contains("TRIBUTARY_INGEST_PORT=4000  # default"))
        #expect(configuration.lines.contains("# TRIBUTARY_MASTER_KEY is not set"))
    }

    @Test func aRedisMayBeBehindSentinelsOrACluster() throws {
        let sentinels = try load([
            "TRIBUTARY_REDIS_URL": "redis+sentinel://:p%40ss@127.0.0.1:26380,localhost/jobs/2?sentinel_password=s",
            "TRIBUTARY_WAIT_REPLICAS": "2", "TRIBUTARY_WAIT_MS": "250",
        ])
        #expect(
            sentinels.redis.topology
                == .sentinel(
                    master: "jobs",
                    sentinels: [.tcp(address: "127.0.0.1", port: 26380), .tcp(address: "127.0.0.1", port: 26379)]))
        #expect(sentinels.redis.password == "p@ss" && sentinels.redis.sentinelPassword == "s")
        #expect(sentinels.redis.database == 2)
        #expect(sentinels.replicas == ReplicaDemand(replicas: 2, within: .milliseconds(250)))
        #expect(!sentinels.lines.joined().contains("sentinel_password=s"))
        #expect("\(sentinels.redis)" == "redis+sentinel://:***@127.0.0.1:26380,127.0.0.1:26379/jobs/2")
        let cluster = try load(["TRIBUTARY_REDIS_URL": "redis+cluster://127.0.0.1:7000,127.0.0.1:7001"])
        #expect(
            cluster.redis.topology
                == .cluster(seeds: [.tcp(address: "127.0.0.1", port: 7000), .tcp(address: "127.0.0.1", port: 7001)]))
        #expect(cluster.replicas == nil)
        for url in [
            "redis+cluster://127.0.0.1/1", "redis+sentinel://127.0.0.1", "redis+sentinel://127.0.0.1/a/b/c",
            "redis+cluster://", "redis+cluster://127.0.0.1,", "redis://127.0.0.1,127.0.0.2", "redis+other://127.0.0.1",
        ] { #expect(problems(["TRIBUTARY_REDIS_URL": url]).count == 1, "\(url)") }
    }

    @Test func anEmptyValueIsAnUnsetOne() throws {
        #expect(try load(["TRIBUTARY_BATCH": "", "TRIBUTARY_MASTER_KEY": ""]).batch == 100)
    }

    @Test func noSecretIsEverShown() throws {
        let secrets = ["hunter2", "sw0rdfish", "chat-secret", Self.key]
        let configuration = try load([
            "TRIBUTARY_REDIS_URL": "redis://:hunter2@127.0.0.1", "TRIBUTARY_MASTER_KEY": Self.key,
            "TRIBUTARY_POSTGRES_URL": "postgresql://ada:sw0rdfish@127.0.0.1/b?password=sw0rdfish",
            "TRIBUTARY_SMTP_URL": "smtp://u:hunter2@mail.example",
            "TRIBUTARY_CHAT_URL": "https://x.example/chat-secret",
        ])
        let shown = configuration.lines.joined(separator: "\n")
        for secret in secrets { #expect(!shown.contains(secret)) }
        #expect(shown.contains("TRIBUTARY_REDIS_URL=redis://:***@127.0.0.1  # environment"))
        #expect(shown.contains("postgresql://ada:***@127.0.0.1/b?password=***"))
        var dumped = ""
        dump(configuration.masterKey, to: &dumped)
        #expect(!dumped.contains("7,") && "\(configuration.masterKey!)" == "***")
        let problem = problems(["TRIBUTARY_REDIS_URL": "redis//:hunter2@x", "TRIBUTARY_MASTER_KEY": "sw0rdfish"])
        #expect(!problem.description.contains("hunter2") && !problem.description.contains("sw0rdfish"))
    }

    @Test func aDemoWarnsWhereOthersRefuse() throws {
        #expect(try load(["TRIBUTARY_DEMO": "1"]).durability == .warn)
    }

    @Test func theDocumentedSettingsAreTheseAndNoOthers() throws {
        let path = #filePath.split(separator: "/Tests/")[0] + "/docs/configuration.md"
        let bytes = try #require(readFile(String(path)))
        let rows = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `TRIBUTARY_") else { return nil }
            return String(line.dropFirst(3).prefix { $0 != "`" })
        }
        #expect(rows == Setting.all.map(\.name))
    }
}
