import Core
import EventLoop
import Glibc
import HTTPServer
import JobQueue
import Postgres
import Redis
import Telemetry

extension FleetProcess {
    /// Why a start ended before the work began.
    private struct StartFailure: Error {
        let code: ExitCode
    }

    /// Runs from the start of the stores to the end of the last of them.
    package func run() async -> ExitCode {
        watchSignals()
        let work = Task { @Loop in try await start() }
        startTask = work
        do {
            try await work.value
        } catch let failure as StartFailure {
            await shutDown(drain: .zero)
            return failure.code
        } catch {
            if isStopping {
                await shutDown(drain: .zero)
                return .success
            }
            log.error("the start failed", ["error": .error(error)])
            await shutDown(drain: .zero)
            // A store that went away is nobody's fault here: who supervises this process starts it again.
            return FailureClass(error) == .unreachableStore ? .temporaryFailure : .failure
        }
        if !isStopping { await withCheckedContinuation { stopWaiter = $0 } }
        await shutDown(drain: configuration.drain)
        log.info("stopped", ["process.name": .string(name)])
        return .success
    }

    // MARK: Start

    private func start() async throws {
        try configuration.startTestRecorder()
        observeStores()
        for connection in connections { connection.start() }
        postgresPool?.start()
        try await checkStores()
        try startMetricsServer()
        try await setUp(self)
        for service in services {
            try Task.checkCancellation()
            try await service.start()
        }
        health.remove("start")
        hasStarted = true
        log.info(
            "started",
            [
                "process.name": .string(name), "http.metrics_port": .int(metricsServer?.port ?? 0),
                "pid": .int(getpid()),
                "process.services": .strings(services.map(\.name)),
            ])
    }

    /// Waits for the stores and checks them; once more from the beginning when one of them goes away under the checks.
    private func checkStores() async throws {
        let end = Loop.monotonicMilliseconds + configuration.startLimit.milliseconds
        while true {
            try await waitForStores(until: end)
            do {
                return try await check()
            } catch  where FailureClass(error) == .unreachableStore && Loop.monotonicMilliseconds < end {
                log.warning("a store went away during the start checks", ["error": .error(error)])
                try await Loop.sleep(for: Self.checkPause)  // a store that went away tells nobody when it is back
            }
        }
    }

    /// Before the start checks are begun again.
    private static var checkPause: Duration { .milliseconds(100) }

    private func waitForStores(until end: Int64) async throws {
        func left() -> Duration { .milliseconds(max(100, end - Loop.monotonicMilliseconds)) }
        do {
            for connection in connections { try await connection.waitUntilReady(within: left()) }
            try await postgresPool?.waitUntilReady(within: left())
        } catch {
            try Task.checkCancellation()
            log.error("a store did not answer in time; giving up", ["error": .error(error)])
            throw StartFailure(code: .temporaryFailure)
        }
    }

    /// Everything is checked before the first refusal ends the start, so that an operator sees all of it.
    private func check() async throws {
        var findings = try await storeFindings()
        for check in checks { findings += try await check(self) }
        var refusal: ExitCode?
        for finding in findings {
            switch finding.severity {
            case .warning: log.warning("a start check warns", ["check.finding": .string(finding.message)])
            case .refusal, .refusalForNow:
                if refusal != .configuration {
                    refusal = finding.severity == .refusal ? .configuration : .temporaryFailure
                }
                log.error("a start check refuses", ["check.finding": .string(finding.message)])
            }
        }
        if !configuration.faults.isEmpty {
            log.warning("faults of a test are on", ["faults": .strings(configuration.faults.sorted())])
        }
        if let refusal { throw StartFailure(code: refusal) }
    }

    // MARK: Stop

    private func watchSignals() {
        signals = [SIGTERM, SIGINT].map { number in
            SignalWatch(signal: number) { [self] in stopSignal() }
        }
        signals.append(SignalWatch(signal: SIGUSR1) { [self] in quiet("a signal asked for quiet") })
    }

    /// The first one drains, the second one ends the process.
    func stopSignal() {
        if isStopping {
            log.warning("a second signal: stopping at once; leases are left to expire")
            Self.end(.failure)
        }
        isStopping = true
        quiet("stopping")
        startTask?.cancel()
        if !hasStarted { closeStores() }
        stopWaiter?.resume()
        stopWaiter = nil
    }

    /// Takes on nothing new. The process stays up and not ready.
    private func quiet(_ message: StaticString) {
        log.info(message, ["process.name": .string(name)])
        health.set("drain", .failing("takes on nothing new"))
        for service in services.reversed() { service.quiet() }
    }

    /// Drains and stops the services in reverse order, then closes what they used.
    private func shutDown(drain: Duration) async {
        defer { signals = [] }
        let end = Loop.monotonicMilliseconds + drain.milliseconds
        for service in services { service.quiet() }
        for service in services.reversed() {
            let left = Duration.milliseconds(max(0, end - Loop.monotonicMilliseconds))
            if await !finishes(within: left, { await service.drain() }) {
                log.warning("the drain's time is over; work is given back", ["service.name": .string(service.name)])
            }
        }
        for service in services.reversed() {
            if await !finishes(within: Self.serviceStopLimit, { await service.stop() }) {
                log.warning("a service did not stop in time", ["service.name": .string(service.name)])
            }
        }
        await metricsServer?.stop(deadline: .milliseconds(200))
        await postgresPool?.close(within: .milliseconds(500))
        for connection in connections.reversed() { connection.close() }
    }

    /// Ends the waits of a start at once.
    private func closeStores() {
        for connection in connections { connection.close() }
        Task { @Loop in await postgresPool?.close(within: .zero) }
    }

    /// For giving leases back after the drain; a store that does not answer must not hold the exit up.
    private static var serviceStopLimit: Duration { .seconds(3) }
}
