import Core
package import EventLoop

/// A few connections to one server, shared by everything in the process, replaced by themselves when they die.
@Loop
package final class PostgresPool {
    /// `idle` → `open` → `closing` → `closed`.
    private enum State { case idle, open, closing, closed }

    package let configuration: PostgresConfiguration
    package private(set) var statistics = PostgresPoolStatistics()
    /// Told of each connection that comes and goes; for logs.
    package var onEvent: (@Loop (PostgresPoolEvent) -> Void)?

    private var state = State.idle
    private var slots: [PostgresPoolSlot] = []
    /// The last one used first: its statements are prepared and its memory is warm.
    private var free: [PostgresConnection] = []
    private var waiters = FIFO<PostgresPoolWaiter>()
    private var waiterSweep: LoopTimer?
    private var lastConnectError: PostgresError?
    private var closers: [UnsafeContinuation<Void, Never>] = []

    private static let waiterSweepInterval: Duration = .milliseconds(50)

    package init(_ configuration: PostgresConfiguration) {
        precondition((1...100).contains(configuration.poolSize), "poolSize is 1...100")
        self.configuration = configuration
    }

    /// Begins to connect, and reconnects for ever by itself. Once.
    package func start() {
        precondition(state == .idle, "the pool was started before")
        state = .open
        slots = (0..<configuration.poolSize).map { _ in PostgresPoolSlot() }
        for slot in slots { open(slot) }
    }

    /// At least one connection is there.
    package var isReady: Bool { state == .open && slots.contains { $0.connection?.state == .ready } }

    /// Returns when a connection is there and free; throws `notConnected` with the reason when none is in time.
    package func waitUntilReady(within duration: Duration) async throws(PostgresError) {
        release(try await acquire(within: duration))
    }

    /// Refuses new callers, lets those who have a connection finish for as long as `duration`, then closes what is
    /// left. Returns when all is closed.
    package func close(within duration: Duration = .seconds(5)) async {
        guard state == .open || state == .closing else {
            state = .closed
            return
        }
        state = .closing
        refuseWaiters { _ in true }
        let unused = slots.compactMap(\.connection).filter { connection in
            connection.state == .connecting || free.contains { $0 === connection }
        }
        for slot in slots { slot.reconnect?.cancel() }
        for connection in unused { connection.close(Self.closingError) }
        guard state == .closing, slots.contains(where: { $0.connection != nil }) else {
            state = .closed
            return
        }
        let deadline = LoopTimer(after: duration) { [self] in
            for slot in slots { slot.connection?.close(Self.closingError) }
        }
        await withUnsafeContinuation { closers.append($0) }
        deadline.cancel()
    }

    private static var closingError: PostgresError { PostgresError(.notConnected, "the pool is closed") }

    // MARK: Connections

    private func open(_ slot: PostgresPoolSlot) {
        let connection = PostgresConnection(configuration)
        slot.connection = connection
        connection.onReady = { [weak self] in
            guard let self, let connection = slot.connection else { return }
            slot.failures = 0
            statistics.connects += 1
            lastConnectError = nil
            onEvent?(.connected)
            offer(connection)
        }
        connection.onClosed = { [weak self] reason in self?.closed(slot, reason) }
        connection.connect()
    }

    private func closed(_ slot: PostgresPoolSlot, _ reason: PostgresError) {
        let connection = slot.connection
        slot.connection = nil
        free.removeAll { $0 === connection }
        guard state == .open else {
            if slots.allSatisfy({ $0.connection == nil }) {
                state = .closed
                let waiting = closers
                closers = []
                for closer in waiting { closer.resume() }
            }
            return
        }
        if reason.kind == .notConnected {
            statistics.failedConnects += 1
            lastConnectError = reason
            onEvent?(.connectFailed(reason))
        } else {
            statistics.losses += 1
            onEvent?(.lost(reason))
        }
        let pause = Backoff(configuration.reconnectBackoff).pause(afterFailures: slot.failures)
        slot.failures += 1
        slot.reconnect = LoopTimer(after: pause) { [weak self] in self?.open(slot) }
    }

    // MARK: Lending

    /// A connection that is this caller's alone until ``release(_:)``; those who wait are served in their order.
    func acquire(within duration: Duration? = nil) async throws(PostgresError) -> PostgresConnection {
        guard state == .open else {
            throw state == .idle ? PostgresError(.notConnected, "the pool was not started") : Self.closingError
        }
        if let connection = free.popLast() { return connection }
        guard waiters.count < configuration.waitersMax else {
            throw PostgresError(.notConnected, "\(configuration.waitersMax) callers wait for a connection already")
        }
        let deadline = Loop.monotonicMilliseconds + (duration ?? configuration.acquireTimeout).milliseconds
        let lent = await withUnsafeContinuation { (caller: PostgresPoolWaiter.Caller) in
            waiters.append(PostgresPoolWaiter(caller: caller, deadlineMilliseconds: deadline))
            if waiterSweep == nil {
                waiterSweep = LoopTimer(after: Self.waiterSweepInterval, repeating: true) { [weak self] in
                    self?.sweepWaiters()
                }
            }
        }
        return try lent.get()
    }

    /// Takes a connection back. One that is not at rest is closed: the next caller must not inherit a transaction.
    func release(_ connection: PostgresConnection) {
        guard connection.state == .ready else { return }
        guard connection.isIdle else {
            connection.close(PostgresError(.connectionLost, "given back inside a transaction"))
            return
        }
        offer(connection)
    }

    private func offer(_ connection: PostgresConnection) {
        guard state == .open else {
            connection.close(Self.closingError)
            return
        }
        if let waiter = waiters.popFirst() {
            waiter.caller.resume(returning: .success(connection))
        } else {
            free.append(connection)
        }
    }

    private func sweepWaiters() {
        let now = Loop.monotonicMilliseconds
        refuseWaiters { $0.deadlineMilliseconds <= now }
        if waiters.isEmpty {
            waiterSweep?.cancel()
            waiterSweep = nil
        }
    }

    private func refuseWaiters(where condition: (PostgresPoolWaiter) -> Bool) {
        let refused = waiters.extract(where: condition)
        guard !refused.isEmpty else { return }
        var error = Self.closingError
        if state == .open {
            let reason = lastConnectError.map { "no connection: \($0.message)" }
            let other = isReady ? "no connection became free in time" : "no connection was made in time"
            error = PostgresError(.notConnected, reason ?? other)
            statistics.refusedWaiters += refused.count
        }
        for waiter in refused { waiter.caller.resume(returning: .failure(error)) }
    }

    /// Connections lent out now, and callers that wait for one.
    package var load: (busy: Int, ready: Int, waiting: Int) {
        let ready = slots.count { $0.connection?.state == .ready }
        return (ready - free.count, ready, waiters.count)
    }

    func countRepeat() { statistics.repeatedTransactions += 1 }
}

/// One of the pool's places for a connection.
@Loop
final class PostgresPoolSlot {
    var connection: PostgresConnection?
    /// Attempts to connect that failed since the last connection was ready.
    var failures = 0
    var reconnect: LoopTimer?
}

struct PostgresPoolWaiter {
    typealias Caller = UnsafeContinuation<Result<PostgresConnection, PostgresError>, Never>
    let caller: Caller
    let deadlineMilliseconds: Int64
}
