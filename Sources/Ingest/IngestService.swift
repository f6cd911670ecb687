import Core
package import EventLoop
package import Fleet
import HTTPServer
package import JobQueue
package import Postgres
package import Redis
import Telemetry

/// The ingest as a part of a fleet process: the directory, the gate and the HTTP server.
@Loop
package final class IngestService: FleetService {
    package let name = "ingest"
    package let directory: IngestDirectory
    package let gate: QueueGate
    package let router: IngestRouter
    private let server: HTTPServer
    private let connections: [RedisClient]
    private let log = Log(component: "ingest")

    /// How long the start waits for connections to a Redis that answers on another one already.
    private static let connectLimit = Duration.seconds(10)
    /// How long a stop waits for requests in progress.
    private static let stopDeadline = Duration.seconds(10)

    /// - Parameters:
    ///   - queue: on a connection that nothing blocks.
    ///   - limiterConnection: for counting clicks.
    ///   - directoryConnection: for reading the directory, whose parts are large.
    package init(
        _ configuration: IngestConfiguration, queue: JobQueue, limiterConnection: RedisClient,
        directoryConnection: RedisClient, pool: PostgresPool
    ) {
        connections = [directoryConnection, limiterConnection]
        directory = IngestDirectory(
            redis: directoryConnection, pool: pool, prefix: configuration.prefix, options: configuration.directory)
        gate = QueueGate(queue: queue, waitingJobsMax: configuration.waitingJobsMax)
        router = IngestRouter(
            configuration, queue: queue, limiterConnection: limiterConnection, directory: directory, gate: gate,
            pool: pool)
        var options = HTTPServerConfiguration()
        options.address = configuration.address
        options.port = configuration.port
        // Two processes or more may serve one port. With 0, which takes any, there is nothing to share.
        options.sharesPort = configuration.port != 0
        options.bodyBytesMax = IngestLimits.bodyBytesMax
        server = HTTPServer(options) { [router] request in await router.answer(request) }
        server.onAccess = { [log] access in
            guard Log.isEnabled(.debug) else { return }
            log.debug(
                "request",
                [
                    "http.method": .string(access.method), "http.path": .string(access.path),
                    "http.status": .int(access.status), "http.body_bytes": .int(access.bodyBytes),
                    "http.duration_us": .int(access.microseconds), "http.outcome": .string(access.outcome.rawValue),
                    "http.request_id": .string(access.requestID),
                ])
        }
    }

    /// The port it listens on.
    package var port: Int { server.port }

    /// Listens at once: until the directory is loaded every request is answered 503, and the process is not ready.
    package func start() async throws {
        for connection in connections { try await connection.waitUntilReady(within: Self.connectLimit) }
        await directory.refresh()
        directory.start()
        gate.start()
        try server.start()
        log.info("listening", ["http.port": .int(server.port)])
    }

    /// What arrives is answered until the drain: whoever shares out the requests needs a moment to notice.
    package func quiet() {}

    package func drain() async { await server.stop(deadline: Self.stopDeadline) }

    package func stop() async {
        directory.stop()
        gate.stop()
        await server.stop(deadline: .zero)
    }

    /// Makes the service of a process: the whole of the ingest's set-up.
    package static func setUp(_ fleet: FleetProcess) {
        let service = IngestService(
            IngestConfiguration(fleet.configuration), queue: fleet.queue,
            limiterConnection: fleet.redisConnection(purpose: "limits"),
            directoryConnection: fleet.redisConnection(purpose: "directory"), pool: fleet.postgres)
        fleet.health.add("directory") { [directory = service.directory] in
            directory.current == nil ? .failing("no directory is loaded") : .healthy
        }
        // PostgreSQL stands on no way of a known request: without it the ingest goes on.
        fleet.health.add("postgres") { [pool = fleet.postgres] in
            pool.isReady ? .healthy : .warning("no connection: unknown names are answered 503")
        }
        fleet.add(service)
    }
}
