package import JobQueue
package import Postgres
package import Redis
package import Telemetry

/// Everything a process of the fleet is told, read once and checked whole. Nothing of it changes while the process lives.
package struct FleetConfiguration: Sendable {
    /// What a start does about a store that could lose what it acknowledged.
    package enum Durability: String, CaseIterable, Sendable { case refuse, warn }

    package let redis: RedisConfiguration
    /// Nil when TRIBUTARY_POSTGRES_URL is not set; a process that needs it requires ``Setting/postgresURL``.
    package let postgres: PostgresConfiguration?
    package let schema: String
    package let durability: Durability
    /// Replicas that must have an enqueue before it is acknowledged to others; nil for none.
    package let replicas: ReplicaDemand?
    /// What Redis must be set to; `any` where nothing is refused.
    package let redisDurability: QueueStartChecks.Durability
    /// Prefix, shards, lease and faults of the queues.
    package let queue: JobQueueConfiguration
    /// Limits that a worker sets for its queue when it starts.
    package let queueLimits: [QueueName: QueueLimit]
    /// Batches (or deliveries) in flight; nil leaves it to the worker.
    package let concurrency: Int?
    package let endpointConcurrency: Int
    /// Jobs a batch, 1 to 500.
    package let batch: Int
    /// The folder of an operator's schedules; `nil` for none. Whoever needs them reads it.
    package let schedules: String?
    package let drain: Duration
    package let startLimit: Duration
    package let metricsAddress: String
    package let metricsPort: Int
    package let ingestAddress: String
    package let ingestPort: Int
    /// Jobs that may wait in a queue before the ingest answers 429.
    package let ingestWaitingMax: Int
    package let logLevel: LogLevel
    package let isDemo: Bool
    /// 32 bytes.
    package let masterKey: Secret<[UInt8]>?
    package let masterKeyID: String
    /// 16 bytes or more.
    package let privacyKey: Secret<[UInt8]>?
    package let trustedProxies: [AddressRange]
    package let allowedDestinations: [AddressRange]
    package let allowsHTTP: Bool
    /// `smtp://` or `smtps://`, perhaps with a password.
    package let smtpURL: Secret<String>?
    package let mailFrom: String?
    package let mailTo: [String]
    package let chatURL: Secret<String>?
    /// Names of the faults that tests asked for; those of the queue are also in ``queue``.
    package let faults: Set<String>
    /// Tests only: bounds of a random wait before each statement of PostgreSQL and each acknowledgement.
    package let testDelay: ClosedRange<Duration>?
    /// Tests only: the file of the ``FlightRecorder``.
    package let testRecorder: String?
    /// Each setting as `--check-config` shows it.
    package let lines: [String]

    /// Reads and checks the texts of all settings.
    ///
    /// - Parameters:
    ///   - environment: the process's environment; only names that begin with `TRIBUTARY_` are looked at.
    ///   - file: the names and values of the configuration file.
    ///   - required: settings without a default that this process cannot do without.
    ///   - resolve: a host's numeric address; nil when the name does not resolve.
    /// - Throws: all problems at one go.
    package init(
        environment: [String: String], file: [String: String] = [:], required: [Setting] = [],
        resolve: (String) -> String?
    ) throws(ConfigurationProblems) {
        var reader = SettingReader(values: SettingValues(environment: environment, file: file))
        reader.add(reader.values.unknownNames())
        for setting in required where reader.text(setting) == nil {
            reader.refuse(setting, "is required here; set it to \(setting.shape)")
        }
        let isTest = reader.flag(.test)
        isDemo = reader.flag(.demo)
        let redis = reader.redis(resolve)
        schema = reader.schema()
        postgres = reader.postgres(schema: schema, resolve)
        durability = isDemo ? .warn : reader.value(.durability, or: .refuse, Durability.init)
        replicas = reader.replicaDemand()
        let fsync = reader.value(.redisFsync, or: .always) { Self.redisDurabilities[$0] }
        redisDurability = durability == .refuse ? fsync : .any
        faults = reader.faults(isTest: isTest)
        testDelay = reader.testDelay(isTest: isTest)
        testRecorder = reader.testOnly(.testRecorder, isTest: isTest) { $0 }
        queue = reader.queue(faults: faults, settleDelay: testDelay)
        queueLimits = reader.queueLimits()
        concurrency = reader.optionalInteger(.concurrency, in: 1...20_000)
        endpointConcurrency = reader.integer(.endpointConcurrency, in: 1...20_000)
        batch = reader.integer(.batch, in: 1...500)
        schedules = reader.value(.schedules) { $0 }
        drain = reader.milliseconds(.drain, in: 0...600_000)
        startLimit = reader.milliseconds(.startLimit, in: 100...600_000)
        metricsAddress = reader.value(.metricsAddress, or: "", SettingReader.numericAddress)
        metricsPort = reader.integer(.metricsPort, in: 0...65_535)
        ingestAddress = reader.value(.ingestAddress, or: "", SettingReader.numericAddress)
        ingestPort = reader.integer(.ingestPort, in: 0...65_535)
        ingestWaitingMax = reader.integer(.ingestWaitingMax, in: 1...1_000_000_000)
        logLevel = reader.value(.logLevel, or: .info, LogLevel.init)
        masterKey = reader.secretBytes(.masterKey, counts: 32...32)
        masterKeyID = reader.word(.masterKeyID, bytesMax: 32, alsoAllowed: "_-")
        privacyKey = reader.secretBytes(.privacyKey, counts: 16...1024)
        trustedProxies = reader.list(.trustedProxies) { AddressRange($0) }
        allowedDestinations = reader.list(.allowDestinations) { AddressRange($0) }
        allowsHTTP = reader.flag(.allowHTTP)
        smtpURL = reader.url(.smtpURL, schemes: ["smtp", "smtps"])
        mailFrom = reader.value(.mailFrom) { SettingReader.mailAddress(Substring($0)) }
        mailTo = reader.list(.mailTo, SettingReader.mailAddress)
        chatURL = reader.url(.chatURL, schemes: ["https", "http"])
        _ = reader.value(.seed) { UInt64($0) }
        lines = Setting.all.map { Self.line($0, reader.values) }
        guard reader.problems.isEmpty, let redis else { throw ConfigurationProblems(problems: reader.problems) }
        self.redis = redis
    }

    private static let redisDurabilities: [String: QueueStartChecks.Durability] = [
        "always": .always, "everysec": .everySecond, "any": .any,
    ]

    /// `NAME=value  # origin`; a secret is `***`, the password of a URL too.
    private static func line(_ setting: Setting, _ values: SettingValues) -> String {
        guard let (text, origin) = values.text(of: setting) else { return "# \(setting.name) is not set" }
        let shown = setting.isSecret && !text.isEmpty ? "***" : StoreURL.withoutPassword(text)
        return "\(setting.name)=\(shown)  # \(origin.rawValue)"
    }
}
