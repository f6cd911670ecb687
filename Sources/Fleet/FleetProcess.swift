package import EventLoop
import Glibc
import HTTPServer
package import JobQueue
package import Postgres
package import Redis
package import Telemetry

/// One process of the fleet from its start to its exit code: stores, checks, the metrics server, services, signals.
///
/// Starts in this order: configuration, logs, Redis, PostgreSQL, checks, metrics server, services. Ends in the reverse.
@Loop
package final class FleetProcess {
    package let name: String
    package let configuration: FleetConfiguration
    /// The process's conditions; services add their own.
    package let health = HealthChecks()
    /// The process's queue, on a connection that nothing blocks.
    package let queue: JobQueue
    /// Told of every job of this process that ends without success, after the row that owes it; `nil` tells nobody. To be
    /// set before the workers are added.
    package var deadLetterListener: (any DeadLetterRecorder)?

    /// As leases and connections to Redis have it.
    let workerName: String
    let log = Log(component: "fleet")
    let checks: [StartCheck]
    let setUp: @Loop (FleetProcess) async throws -> Void
    let queueConnection: RedisClient
    let postgresPool: PostgresPool?
    var services: [any FleetService] = []
    var connections: [RedisClient] = []
    var beforeScrapes: [@Loop () async -> Void] = []
    var metricsServer: HTTPServer?
    var signals: [SignalWatch] = []
    var hasStarted = false
    var isStopping = false
    var startTask: Task<Void, any Error>?
    var stopWaiter: CheckedContinuation<Void, Never>?

    /// A check of a domain room, such as of the schema's number: what it finds is logged, and a refusal ends the start.
    package typealias StartCheck = @Loop (FleetProcess) async throws -> [StartFinding]

    /// - Parameters:
    ///   - name: the executable's, such as `tributary-click-worker`.
    ///   - acknowledgesEnqueues: whether it tells others that a job is enqueued, so that this waits for replicas where some are
    ///     asked for. What rows owe need not, and connections for it would be there for nothing.
    ///   - checks: run after those of the stores.
    ///   - setUp: makes the services and adds them; the stores answer by then.
    package init(
        _ name: String, _ configuration: FleetConfiguration, acknowledgesEnqueues: Bool = true,
        checks: [StartCheck] = [],
        setUp: @escaping @Loop (FleetProcess) async throws -> Void
    ) {
        self.name = name
        self.configuration = configuration
        self.checks = checks
        self.setUp = setUp
        let workerName = "\(name)@\(Self.hostName):\(getpid())"
        self.workerName = workerName
        queueConnection = RedisClient(configuration.redis(clientOf: workerName), purpose: "queue")
        let replicated = (acknowledgesEnqueues ? configuration.replicas : nil).map { demand in
            ReplicatedEnqueues(
                demand,
                connections: (1...ReplicatedEnqueues.connectionCount).map { number in
                    RedisClient(configuration.redis(clientOf: workerName), purpose: "enqueue-\(number)")
                })
        }
        connections = [queueConnection] + (replicated?.connections ?? [])
        var queueConfiguration = configuration.queue
        queueConfiguration.workerName = workerName
        queue = JobQueue(connection: queueConnection, configuration: queueConfiguration, replicated: replicated)
        postgresPool = configuration.postgres.map { postgres in
            var postgres = postgres
            postgres.applicationName = name
            // Every statement of the fleet looks up by key; who counts and sums whole tables is the inspector.
            postgres.plans = .byKey
            configuration.addTestHooks(to: &postgres)
            return PostgresPool(postgres)
        }
    }

    /// PostgreSQL. A process that uses it names ``Setting/postgresURL`` among its required settings, so it is there.
    package var postgres: PostgresPool {
        guard let postgresPool else { preconditionFailure("\(name) must require \(Setting.postgresURL.name)") }
        return postgresPool
    }

    /// Another connection to Redis, started now and closed with the process; for what blocks or must not wait.
    package func redisConnection(purpose: String) -> RedisClient {
        let connection = RedisClient(configuration.redis(clientOf: workerName), purpose: purpose)
        connections.append(connection)
        connection.start()
        return connection
    }

    /// Adds a service; it is started after those before it, and stopped before them.
    package func add(_ service: any FleetService) { services.append(service) }

    /// Tells `rows`, which owe the jobs, of jobs' ends, and then whoever listens. Workers get it by themselves.
    package func deadLetterRecorder(after rows: (any DeadLetterRecorder)?) -> (any DeadLetterRecorder)? {
        DeadLetterChain(rows, deadLetterListener)
    }

    /// Adds a ``Worker`` for a queue, sized by the configuration.
    package func work(
        _ queueName: QueueName, _ handler: any JobHandler, recorder: (any DeadLetterRecorder)? = nil,
        options: WorkerOptions? = nil
    ) {
        let options = options ?? WorkerOptions(concurrency: configuration.concurrency ?? 2, batch: configuration.batch)
        add(
            Worker(
                queueName, source: source(queueName), settler: queue, handler: handler,
                recorder: deadLetterRecorder(after: recorder), options: options))
    }

    /// Adds a ``StreamingWorker`` for a queue; its window is the configured concurrency, 1,000 by default.
    package func stream(
        _ queueName: QueueName, _ runner: any JobRunner, recorder: (any DeadLetterRecorder)? = nil,
        options: WorkerOptions? = nil
    ) {
        let options =
            options ?? WorkerOptions(concurrency: configuration.concurrency ?? 1000, batch: configuration.batch)
        add(
            StreamingWorker(
                queueName, source: source(queueName), settler: queue, runner: runner,
                recorder: deadLetterRecorder(after: recorder), options: options))
    }

    /// Awaited before `/metrics` is answered, for figures that are asked of a store. Each has a second altogether.
    package func beforeScrape(_ action: @escaping @Loop () async -> Void) { beforeScrapes.append(action) }

    private func source(_ queueName: QueueName) -> LeaseSource {
        observeDepth(of: queueName)
        if let limit = configuration.queueLimits[queueName] { add(LimitSetting(limit, of: queueName, in: queue)) }
        return LeaseSource(
            queue: queue, name: queueName,
            wakeConnection: queueConnection.another(purpose: "wake-\(queueName.rawValue)"))
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension FleetConfiguration {
    /// The configuration of a connection that names itself after the process: `tributary workers` finds it by that.
    func redis(clientOf name: String) -> RedisConfiguration {
        var redis = redis
        redis.clientName = name
        return redis
    }
}
