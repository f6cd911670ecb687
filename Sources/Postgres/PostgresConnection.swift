import CPostgres
import Core
import EventLoop

/// One connection in pipeline mode on the event loop: what is sent, what is owed, and when it counts as lost.
///
/// Used by one caller at a time. Ends once, by ``close(_:)``: everything owed then fails with the same error.
@Loop
final class PostgresConnection {
    /// `connecting` → `ready` → `closed`, or `connecting` → `closed`.
    enum State { case connecting, ready, closed }

    let configuration: PostgresConfiguration
    private(set) var state = State.connecting
    /// Why it is closed.
    private(set) var closeReason: PostgresError?
    /// Called once when it may be used.
    var onReady: (@Loop () -> Void)?
    /// Called once when it has closed, whoever closed it.
    var onClosed: (@Loop (PostgresError) -> Void)?

    // What the extensions that send and receive work on.
    private(set) var handle: OpaquePointer?
    var expected = FIFO<ExpectedReply>()
    /// Segments and scripts that were sent and are not answered in full.
    var segmentsOwed = 0
    var segment = Segment()
    var prepared = PreparedStatements()
    var parameters = ParameterBuffer()
    /// Whether anything moved since the patrol last looked.
    var hasProgressed = false

    private var watch: FileWatch?
    private var timer: LoopTimer?
    private var silentTicks = 0
    /// A FATAL message that came unasked, just before the server closed the connection.
    private(set) var lastWords: PostgresError?

    /// The segment whose answers are arriving.
    struct Segment {
        var error: PostgresError?
    }

    /// The reply timeout is cut into so many ticks, and silence is counted in ticks: a stop of our own process (SIGSTOP,
    /// a suspended machine) is at most one tick long then, and loses no connection whose answer waits in the kernel.
    private static let ticksPerReplyTimeout = 8

    init(_ configuration: PostgresConfiguration) { self.configuration = configuration }

    isolated deinit {
        if let handle { PQfinish(handle) }
    }

    /// Starts to connect; ``onReady`` or ``onClosed`` follows, never before this returns.
    func connect() {
        handle = Self.start(configuration.keywords)
        timer = LoopTimer(after: configuration.connectTimeout) { [weak self] in
            self?.close(
                PostgresError(.notConnected, "no connection within \(self?.configuration.connectTimeout ?? .zero)"))
        }
        guard let handle, PQstatus(handle) != CONNECTION_BAD else {
            let reason =
                handle.map { PostgresError(.notConnected, of: $0) } ?? PostgresError(.notConnected, "out of memory")
            Loop.atTurnEnd { [self] in close(reason) }
            return
        }
        listenToNotices(handle)
        awaitConnecting(.writable, handle)
    }

    private static func start(_ pairs: [(String, String)]) -> OpaquePointer? {
        func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
            texts.map { text in
                let bytes = Array(text.utf8CString)
                let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
                copy.initialize(from: bytes, count: bytes.count)
                return copy
            } + [nil]
        }
        let keywords = strings(pairs.map(\.0))
        let values = strings(pairs.map(\.1))
        defer { for pointer in keywords + values { pointer?.deallocate() } }
        return keywords.map { UnsafePointer($0) }.withUnsafeBufferPointer { keywords in
            values.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
            }
        }
    }

    private func awaitConnecting(_ interest: FileWatch.Interest, _ handle: OpaquePointer) {
        watch = FileWatch(descriptor: PQsocket(handle)) { [weak self] _ in self?.continueConnecting() }
        watch?.watch(for: interest)
    }

    private func continueConnecting() {
        guard let handle, state == .connecting else { return }
        // libpq may close this descriptor and open another under the same number.
        watch?.cancel()
        switch PQconnectPoll(handle) {
        case PGRES_POLLING_READING: awaitConnecting(.readable, handle)
        case PGRES_POLLING_WRITING: awaitConnecting(.writable, handle)
        case PGRES_POLLING_OK: becomeReady(handle)
        default: close(PostgresError(.notConnected, of: handle))
        }
    }

    private func becomeReady(_ handle: OpaquePointer) {
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            close(PostgresError(.notConnected, of: handle))
            return
        }
        state = .ready
        watch = FileWatch(descriptor: PQsocket(handle)) { [weak self] _ in self?.socketIsReady() }
        watch?.watch(for: .readable)
        timer?.cancel()
        timer = configuration.replyTimeout.map { timeout in
            LoopTimer(after: timeout / Self.ticksPerReplyTimeout, repeating: true) { [weak self] in self?.patrol() }
        }
        let ready = onReady
        onReady = nil
        ready?()
    }

    /// For a connection that nobody manages: connects and waits for it.
    func open() async throws(PostgresError) {
        let failure = await withUnsafeContinuation { (caller: UnsafeContinuation<PostgresError?, Never>) in
            onReady = { [weak self] in
                self?.onClosed = nil
                caller.resume(returning: nil)
            }
            onClosed = { caller.resume(returning: $0) }
            connect()
        }
        if let failure { throw failure }
    }

    /// Ends the connection; whatever is owed fails with `reason`. Closing twice is harmless.
    func close(_ reason: PostgresError) {
        guard state != .closed else { return }
        state = .closed
        closeReason = reason
        watch?.cancel()
        watch = nil
        timer?.cancel()
        timer = nil
        if let handle { PQfinish(handle) }
        handle = nil
        segment = Segment()
        segmentsOwed = 0
        while let reply = expected.popFirst() {
            switch reply {
            case .sync(let end), .script(let end): end.fail(reason)
            case .prepare, .statement: break
            }
        }
        onReady = nil
        let closed = onClosed
        onClosed = nil
        closed?(reason)
    }

    /// In no transaction, and nothing is owed: it can be handed to the next caller.
    var isIdle: Bool {
        guard let handle, state == .ready else { return false }
        return expected.isEmpty && PQtransactionStatus(handle) == PQTRANS_IDLE
    }

    /// The server refuses everything until this transaction is rolled back.
    var hasFailedTransaction: Bool {
        guard let handle, state == .ready else { return false }
        return PQtransactionStatus(handle) == PQTRANS_INERROR
    }

    /// Hands libpq's output to the kernel, and watches for room when that takes no more.
    func flush() {
        guard let handle else { return }
        switch PQflush(handle) {
        case 0: watch?.watch(for: .readable)
        case 1: watch?.watch(for: [.readable, .writable])
        default: close(PostgresError(.connectionLost, of: handle))
        }
    }

    private func socketIsReady() {
        guard let handle, state == .ready else { return }
        hasProgressed = true
        let isAlive = PQconsumeInput(handle) == 1
        // Also when the connection is gone: the server's last words may explain why, and answers may stand before them.
        receive()
        guard state == .ready else { return }
        guard isAlive, PQstatus(handle) != CONNECTION_BAD else {
            close(lastWords ?? PostgresError(.connectionLost, of: handle))
            return
        }
        flush()
    }

    /// libpq would write notices to stderr, among the log's JSON lines. They are dropped, except the one that says why
    /// the server ends an idle session: its shutdown, or a transaction left open for too long.
    private func listenToNotices(_ handle: OpaquePointer) {
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let result else { return }
                let notice = PostgresError(result, statement: nil)
                guard notice.sqlState != nil, notice.kind == .connectionLost else { return }
                Loop.entering(context, as: PostgresConnection.self) { $0.lastWords = notice }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func patrol() {
        if hasProgressed || segmentsOwed == 0 {
            hasProgressed = false
            silentTicks = 0
            return
        }
        silentTicks += 1
        guard silentTicks >= Self.ticksPerReplyTimeout else { return }
        close(PostgresError(.timeout, "the server has said nothing for \(configuration.replyTimeout ?? .zero)"))
    }
}
