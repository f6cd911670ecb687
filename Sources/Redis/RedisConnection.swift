import Core
package import EventLoop

/// One connection to Redis that pipelines by itself and comes back by itself.
///
/// All commands of a loop turn go out in one write. Replies come in the order of the commands, which wait in one queue;
/// one timer serves connecting, silence and pings. What happens when is ``RedisConnectionMachine``'s business.
///
/// A blocking command (`BLPOP`) holds up every command behind it: give it a connection of its own. `SUBSCRIBE`,
/// `MONITOR` and `CLIENT REPLY` are not for this class.
@Loop
package final class RedisConnection {
    package let configuration: RedisConfiguration
    /// What this connection is for; part of its name in `CLIENT LIST`.
    package let purpose: String

    /// Redis' own id of its run, asked for at each connect before any command is served; another one after a restart.
    /// Keeps the last known value while there is no connection.
    package private(set) var serverRunID: String?
    /// Why the last attempt or connection ended; nil while all is well.
    package private(set) var lastFailure: RedisError?
    /// How often it has become ready.
    package private(set) var readyCount = 0
    /// Called with true when commands are served from now on, and with false when no longer.
    package var onReadyChange: (@Loop (Bool) -> Void)?

    private var machine: RedisConnectionMachine
    private var link: RedisLink?
    private var inFlight = InFlightCommands()
    private let encoder = CommandEncoder()
    private let replyWithin: Int64
    private var random = SystemRandomNumberGenerator()
    private var timer: LoopTimer?
    private var timerDue: Int64?
    private let waiters = ReadyWaiters()
    private var readyIsTold = false
    /// Where the link goes to; the master's present address where sentinels know it.
    private var target: RedisConfiguration.Endpoint?
    private let locator: SentinelLocator?
    /// Counts attempts to connect, so that an answer of a sentinel that comes late opens nothing.
    private var attempts = 0
    /// The calls that wait for replicas.
    var replication = ReplicationState()
    private var scripts: [RedisScript] = []

    /// Does nothing until ``start()``.
    package init(_ configuration: RedisConfiguration, purpose: String) {
        self.configuration = configuration
        self.purpose = purpose
        replyWithin = configuration.replyTimeout.milliseconds
        if case .sentinel(let master, let sentinels) = configuration.topology {
            locator = SentinelLocator.of(configuration, master: master, sentinels: sentinels)
        } else {
            locator = nil
        }
        machine = RedisConnectionMachine(
            times: .init(
                connect: configuration.connectTimeout.milliseconds, idlePing: configuration.idlePing.milliseconds),
            reconnect: RedisReconnect(
                baseMilliseconds: configuration.reconnectWaitBase.milliseconds,
                maxMilliseconds: configuration.reconnectWaitMax.milliseconds))
    }

    /// Connects, and reconnects until ``close()``. A second call does nothing.
    package func start() {
        locator?.observe(self) { [weak self] in self?.masterIs($0) }
        carryOut(machine.start(at: Loop.monotonicMilliseconds))
    }

    /// Has each connection load these before it serves anything, the present one at once.
    ///
    /// A call of a script that Redis does not know is sent again, behind those that were sent after it. So scripts whose
    /// calls must keep their order are loaded here: a Redis that has just started knows none.
    package func load(_ scripts: [RedisScript]) {
        self.scripts += scripts
        submitLoads(of: scripts)
    }

    /// One that cannot be loaded comes with its first call.
    private func submitLoads(of scripts: [RedisScript]) {
        for script in scripts {
            _ = submit(to: .closure { _ in }, within: nil) { $0.encode(["SCRIPT", "LOAD", .string(script.source)]) }
        }
    }

    /// Whether commands are served now.
    package var isReady: Bool { machine.isReady }

    /// Commands that wait for their replies.
    package var inFlightCount: Int { inFlight.count }

    /// Returns once commands are served.
    /// - Throws: the last failure, or one of kind `notConnected`, when that takes longer than `limit` or it is closed.
    package func waitUntilReady(within limit: Duration) async throws(RedisError) {
        if isReady { return }
        if machine.phase == .closed { throw RedisError(.notConnected, "closed") }
        try await waiters.wait(within: limit) { [weak self] in self?.lastFailure }
    }

    /// Ends it for good. What is in flight fails as with a lost connection.
    package func close() {
        guard machine.phase != .closed else { return }
        machine.close()
        locator?.forget(ObjectIdentifier(self))
        timer?.cancel()
        timer = nil
        dropLink(RedisError(.connectionLost, "closed"))
        waiters.end(.failure(RedisError(.notConnected, "closed")))
    }

    isolated deinit { close() }

    // MARK: Commands

    /// Sends the encoder's command when there is a connection; the reason when it surely was not sent.
    func dispatch(
        to receiver: InFlightCommand.Receiver, within limit: Duration?, encode: (CommandEncoder) -> Void
    ) -> RedisError? {
        guard machine.isReady else { return RedisError(.notConnected, lastFailure?.message ?? "not connected") }
        return submit(to: receiver, within: limit, encode: encode)
    }

    private func submit(
        to receiver: InFlightCommand.Receiver, within limit: Duration?, encode: (CommandEncoder) -> Void
    ) -> RedisError? {
        guard let link else { return RedisError(.notConnected, "not connected") }
        guard inFlight.count < RedisLimits.inFlightMax, link.unsentBytes <= RedisLimits.unsentBytesMax else {
            return RedisError(.backlog, "\(inFlight.count) commands, \(link.unsentBytes) bytes wait already")
        }
        encode(encoder)
        let offset = link.submittedBytes
        guard link.submit(encoder) else { return RedisError(.notConnected, "not connected") }
        let owedNone = inFlight.isEmpty
        inFlight.append(
            InFlightCommand(
                receiver: receiver, owedWithin: limit?.milliseconds ?? replyWithin, startOffset: offset))
        if owedNone {
            machine.beganToOwe(at: Loop.monotonicMilliseconds)
            schedule()
        }
        return nil
    }

    private func receive(_ replies: [RedisValue]) {
        machine.heard(at: Loop.monotonicMilliseconds)
        let heardFrom = link
        for reply in replies {
            // A receiver may close or replace the connection: the rest of its replies is then nobody's.
            guard link === heardFrom, let command = inFlight.popFirst() else { break }
            if case .error(let text) = reply {
                let error = RedisError(reply: text)
                command.receiver.receive(.failure(error))
                if locator != nil, error.kind == .readOnly, link === heardFrom { loseIfReplica(text, error) }
            } else {
                command.receiver.receive(.success(reply))
            }
        }
        schedule()
    }

    // MARK: Life

    private func carryOut(_ action: RedisConnectionMachine.Action) {
        switch action {
        case .none: break
        case .open: open()
        case .ping:
            // Its reply is heard by the machine; its failure is the connection's.
            _ = submit(to: .closure { _ in }, within: nil) { $0.encode(["PING"]) }
        case .giveUpOpening: lose(RedisError(.timeout, "not connected within \(configuration.connectTimeout)"))
        case .giveUpSilent: lose(RedisError(.timeout, "Redis was silent for too long"))
        }
        schedule()
    }

    private func open() {
        attempts += 1
        guard let locator else { return open(configuration.endpoint) }
        let attempt = attempts
        locator.locate { [weak self] result in
            guard let self, attempt == attempts, machine.isOpening else { return }
            switch result {
            case .success(let endpoint): open(endpoint)
            case .failure(let error): lose(error)
            }
        }
    }

    private func open(_ endpoint: RedisConfiguration.Endpoint) {
        target = endpoint
        do throws(RedisError) {
            let link = try RedisLink(to: endpoint)
            self.link = link
            link.onReplies = { [weak self] in self?.receive($0) }
            link.onEnd = { [weak self, weak link] in
                guard let link else { return }
                self?.lose(RedisError(.connectionLost, link.failureText))
            }
            prepare(link)
        } catch {
            lose(error)
        }
    }

    /// Queues what must be answered before any command is served; it is written as soon as the socket is connected.
    private func prepare(_ link: RedisLink) {
        for step in PreparationStep.steps(for: configuration, purpose: purpose) {
            let refusal = submit(
                to: .closure { [weak self, weak link] result in
                    guard let self, let link, self.link === link else { return }
                    self.took(step, result)
                }, within: nil
            ) { $0.encode(step.command) }
            if let refusal { return lose(refusal) }
        }
        submitLoads(of: scripts)
    }

    private func took(_ step: PreparationStep, _ result: Result<RedisValue, RedisError>) {
        switch result {
        case .failure(let error): lose(error)
        case .success(let value):
            if step.asksForRunID {
                guard let runID = PreparationStep.runID(of: value) else {
                    return lose(RedisError(.other, "INFO server has no run_id: not a Redis"))
                }
                serverRunID = runID
                encoder.runID = runID
            }
            if step == .askForRole, value[0]?.string != "master" {
                locator?.distrust()
                return lose(RedisError(.readOnly, "\(target?.description ?? "it") is not the master"))
            }
            if step.isLast { becomeReady() }
        }
    }

    private func becomeReady() {
        machine.prepared(at: Loop.monotonicMilliseconds)
        lastFailure = nil
        readyCount += 1
        readyIsTold = true
        waiters.end(.success(()))
        onReadyChange?(true)
    }

    /// The sentinels name another master: this one is not served by it, however alive it looks.
    private func masterIs(_ endpoint: RedisConfiguration.Endpoint) {
        guard link != nil, target != endpoint else { return }
        lose(RedisError(.connectionLost, "the master is \(endpoint) now"))
    }

    /// A replica refuses writes. So does a master whose disk is full, and a wait may be ended by somebody: that is no reason.
    private func loseIfReplica(_ reply: String, _ error: RedisError) {
        if reply.hasPrefix("READONLY") || reply.contains("instance state changed") { lose(error) }
    }

    /// The connection, or the attempt to make one, is over; another attempt follows after a wait.
    func lose(_ error: RedisError) {
        lastFailure = error
        machine.lost(at: Loop.monotonicMilliseconds, using: &random)
        schedule()
        dropLink(error)
    }

    /// Fails what was in flight, when everything else is in order already: a receiver may call us again.
    private func dropLink(_ error: RedisError) {
        let wasReady = readyIsTold
        readyIsTold = false
        attempts += 1
        guard let dropped = link else { return }
        link = nil
        let writtenBytes = dropped.writtenBytes
        dropped.close()
        var commands = inFlight
        inFlight = InFlightCommands()
        let lost = RedisError(.connectionLost, error.message)
        let unsent = RedisError(.notConnected, error.message)
        var isFirst = true
        while let command = commands.popFirst() {
            let wasSent = command.startOffset < writtenBytes
            command.receiver.receive(.failure(!wasSent ? unsent : isFirst && error.kind == .timeout ? error : lost))
            isFirst = false
        }
        if wasReady { onReadyChange?(false) }
    }

    // MARK: Time

    /// Arms the timer unless it fires early enough anyway; then it finds out what is due by itself.
    private func schedule() {
        guard let deadline = machine.deadline(owedWithin: inFlight.firstOwedWithin) else { return }
        if let timerDue, timerDue <= deadline { return }
        timerDue = deadline
        let wait = Duration.milliseconds(max(1, deadline - Loop.monotonicMilliseconds))
        if let timer {
            timer.arm(after: wait)
        } else {
            timer = LoopTimer(after: wait) { [weak self] in self?.timeHasCome() }
        }
    }

    private func timeHasCome() {
        timerDue = nil
        carryOut(machine.tick(at: Loop.monotonicMilliseconds, owedWithin: inFlight.firstOwedWithin))
    }
}
