/// All settings there are. To add one: a line here, a property in ``FleetConfiguration``, a row in docs/configuration.md
/// (a test compares them).
extension Setting {
    // Stores
    package static let redisURL = Setting(
        "REDIS_URL",
        "redis://[[user]:password@]host[:port][/database], unix:///path/of/redis.sock, redis+sentinel://host[:port],…/master[/database] or redis+cluster://host[:port],…",
        default: "redis://127.0.0.1:6379/0", "The Redis that holds the work that is due. A password is shown as ***.")
    package static let postgresURL = Setting(
        "POSTGRES_URL", "postgresql://user[:password]@host[:port]/database[?host=/socket/folder][&sslmode=…]",
        "The PostgreSQL that holds the truth. A password is shown as ***.")
    package static let schema = Setting(
        "SCHEMA", "1 to 63 of a-z, 0-9 and _, not starting with a digit", default: "tributary",
        "The schema of PostgreSQL that holds the tables.")
    package static let postgresPool = Setting(
        "POSTGRES_POOL", "a whole number from 1 to 64", default: "4", "Connections to PostgreSQL a process keeps.")
    package static let durability = Setting(
        "DURABILITY", "refuse or warn", default: "refuse",
        "What a process does at its start when a store could lose what it acknowledged: Redis without AOF or with eviction, PostgreSQL without fsync."
    )
    package static let redisFsync = Setting(
        "REDIS_FSYNC", "always, everysec or any", default: "always", "The appendfsync that Redis must have at least.")
    package static let waitReplicas = Setting(
        "WAIT_REPLICAS", "a whole number from 0 to 100", default: "0",
        "Replicas of Redis that must have an enqueue before it is acknowledged to others (WAIT).")
    package static let waitLimit = Setting(
        "WAIT_MS", "milliseconds from 1 to 60000", default: "1000",
        "How long an enqueue waits for its replicas; then the ingest answers 503.")

    // Queue
    package static let prefix = Setting(
        "PREFIX", "1 to 40 of letters, digits, _ . and -", default: "tributary", "What all keys in Redis begin with.")
    package static let shards = Setting(
        "SHARDS", "a whole number from 1 to 256", default: "16",
        "Shards of each queue; fixed when the installation is made, and compared at each start.")
    package static let lease = Setting(
        "LEASE_MS", "milliseconds from 100 to 600000", default: "15000",
        "How long a job belongs to a worker that shows no sign of life.")
    package static let concurrency = Setting(
        "CONCURRENCY", "a whole number from 1 to 20000",
        "Batches a worker has in flight (default 2), or deliveries a webhook worker has in hand (default 1000).")
    package static let endpointConcurrency = Setting(
        "ENDPOINT_CONCURRENCY", "a whole number from 1 to 20000", default: "64",
        "Requests in flight to one webhook endpoint from one process, so that a slow one does not hold the others up.")
    package static let batch = Setting(
        "BATCH", "a whole number from 1 to 500", default: "100", "Jobs a worker takes at once.")
    package static let queueLengthMax = Setting(
        "QUEUE_LENGTH_MAX", "queue=number pairs with commas between, such as clicks=500000,conversions=1000000",
        default: "",
        "Jobs a queue may have, waiting and running, before producers are refused (429); no limit for queues not named."
    )
    package static let keepCompleted = Setting(
        "KEEP_COMPLETED",
        "queue=age/number pairs with commas between, such as webhooks=24h/100000 (s, m, h, d; 1s to 366d)",
        default: "", "Queues whose completed jobs stay to be looked at, for how long and how many of them at most.")
    package static let queueLimits = Setting(
        "QUEUE_LIMITS", "queue=limits pairs with commas between, such as webhooks=50,notifications=5+600/m*10",
        default: "",
        "Jobs of a queue in leases at once over the whole fleet, and how often one may start (s, m, h; * a burst); set when a worker of the queue starts."
    )
    package static let weight = Setting(
        "WEIGHT", "a whole number from 1 to 100", default: "1",
        "This process's part of the places of a limited queue, beside the weights of the others.")
    package static let cancelGrace = Setting(
        "CANCEL_GRACE_MS", "milliseconds from 0 to 3600000", default: "10000",
        "How long a running job has to end after it was cancelled, before its lease is taken away.")

    package static let schedules = Setting(
        "SCHEDULES", "the path of a folder",
        "Files of schedules beside this program's own, read by the scheduler and the inspector (docs/schedules.md).")

    // Process
    package static let drain = Setting(
        "DRAIN_MS", "milliseconds from 0 to 600000", default: "20000",
        "How long a stop waits for work in flight before it is cancelled and given back.")
    package static let startLimit = Setting(
        "START_MS", "milliseconds from 100 to 600000", default: "30000",
        "How long a start waits for Redis and PostgreSQL before the process gives up with code 75.")
    package static let metricsAddress = Setting(
        "METRICS_ADDRESS", "a numeric address", default: "127.0.0.1", "Where /metrics and /health listen.")
    package static let metricsPort = Setting(
        "METRICS_PORT", "a port from 0 to 65535; 0 is any free one", default: "0",
        "The port of /metrics and /health; the line `started` says which it became.")
    package static let ingestAddress = Setting(
        "INGEST_ADDRESS", "a numeric address", default: "127.0.0.1", "Where the ingest listens.")
    package static let ingestPort = Setting(
        "INGEST_PORT", "a port from 0 to 65535; 0 is any free one", default: "4000", "The ingest's port.")
    package static let ingestWaitingMax = Setting(
        "INGEST_WAITING_MAX", "a whole number from 1 to 1000000000", default: "2000000",
        "Jobs that may wait in a queue before the ingest answers 429.")
    package static let logLevel = Setting(
        "LOG_LEVEL", "debug, info, warning or error", default: "info", "The least level of log lines.")
    package static let demo = Setting(
        "DEMO", "1 or 0", default: "0", "Starts with demo data; durability is then only warned about.")

    // Keys
    package static let masterKey = Setting(
        "MASTER_KEY", "32 bytes in base64", secret: true, "Seals the secrets of endpoints and hooks at rest.")
    package static let masterKeyID = Setting(
        "MASTER_KEY_ID", "1 to 32 of letters, digits, _ and -", default: "1",
        "The name under which the master key is noted beside what it sealed.")
    package static let privacyKey = Setting(
        "PRIVACY_KEY", "16 bytes or more in base64", secret: true, "Keys the digests by which visitors are compared.")

    // Network
    package static let trustedProxies = Setting(
        "TRUSTED_PROXIES", "CIDRs with commas between, such as 10.0.0.0/8,fd00::/8", default: "",
        "Whose Forwarded and X-Forwarded-For headers count.")
    package static let allowDestinations = Setting(
        "ALLOW_DESTINATIONS", "CIDRs with commas between, such as 127.0.0.0/8", default: "",
        "Private addresses that webhooks may be sent to all the same.")
    package static let allowHTTP = Setting(
        "ALLOW_HTTP", "1 or 0", default: "0", "Whether webhooks may go to http:// endpoints.")

    // Notifications
    package static let smtpURL = Setting(
        "SMTP_URL", "smtp://[user:password@]host[:port] or smtps://…",
        "The mail server of notifications. A password is shown as ***.")
    package static let mailFrom = Setting("MAIL_FROM", "an e-mail address", "The sender of mail notifications.")
    package static let mailTo = Setting(
        "MAIL_TO", "e-mail addresses with commas between", default: "", "The receivers of mail notifications.")
    package static let chatURL = Setting(
        "CHAT_URL", "an https:// or http:// URL", secret: true,
        "The incoming webhook of a Slack-compatible chat; the URL is its own secret.")

    // Files and tests
    package static let configFile = Setting(
        "CONFIG", "the path of a file of NAME=value lines",
        "A file of the same names, for what is not in the environment; the environment wins.")
    package static let test = Setting("TEST", "1 or 0", default: "0", "Allows what only tests may do.")
    package static let faults = Setting(
        "FAULTS", "names of faults with commas between; only with TRIBUTARY_TEST=1", default: "",
        "Breaks promises on purpose, so that tests can show that they notice.")
    package static let testDelay = Setting(
        "TEST_DELAY_MS", "two numbers of milliseconds from 0 to 1000, such as 1-10; only with TRIBUTARY_TEST=1",
        "A random wait between them before each statement of PostgreSQL and each acknowledgement, so that work overlaps."
    )
    package static let testRecorder = Setting(
        "TEST_RECORDER", "the path of a file; only with TRIBUTARY_TEST=1",
        "Where the process notes what it is in the middle of, so that a test knows what its kill -9 interrupted.")
    package static let seed = Setting(
        "SEED", "a whole number",
        "Replays the property tests with the seed they printed; the fleet does not look at it.")

    /// In the order of `--help`.
    package static let all: [Setting] = [
        redisURL, postgresURL, schema, postgresPool, durability, redisFsync,
        waitReplicas, waitLimit,
        prefix, shards, lease, concurrency, endpointConcurrency, batch,
        queueLengthMax, keepCompleted, queueLimits, weight, cancelGrace, schedules,
        drain, startLimit, metricsAddress, metricsPort, ingestAddress, ingestPort, ingestWaitingMax, logLevel, demo,
        masterKey, masterKeyID, privacyKey,
        trustedProxies, allowDestinations, allowHTTP,
        smtpURL, mailFrom, mailTo, chatURL,
        configFile, test, faults, testDelay, testRecorder, seed,
    ]
}
