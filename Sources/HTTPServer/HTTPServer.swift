import CEvent
package import EventLoop
import Glibc

/// An HTTP/1.1 server on the event loop: libevent's evhttp, and around it what evhttp has not.
///
/// evhttp (2.1.12) parses, frames and keeps alive. Added here: a cap on connections, one deadline for a whole request
/// (slow headers and slow bodies included), a budget for all bytes in memory, refusals that the client gets to read, request
/// ids, an access log, a check for ambiguous framing, and a graceful stop. A client may leave at any moment, and an
/// answer may come too late at any moment: see `ServerConnection` for who owns what then.
///
/// Limits that are evhttp's: a chunk extension is refused (413), trailers are read as headers, and a read takes 4 KiB.
@Loop
package final class HTTPServer {
    package typealias Handler = @Loop (HTTPRequest) async -> HTTPResponse

    let configuration: HTTPServerConfiguration
    let handler: Handler
    /// Told of every answer and every refusal, once.
    package var onAccess: (@Loop (HTTPAccess) -> Void)?
    /// The port it listens on; 0 before ``start()``.
    package private(set) var port = 0
    /// Set by ``stop(deadline:)``: answers from now on close their connection.
    private(set) var isStopping = false
    var requestIDs = RequestID()

    private var server: OpaquePointer?
    private var listener: OpaquePointer?
    private var boundSocket: OpaquePointer?
    private var connections: [OpaquePointer: ServerConnection] = [:]
    // A connection is between two homes from the moment evhttp asks for its bufferevent to the end of the accept callback.
    private var arriving: [ServerConnection] = []
    private var afterCallbacks: [@Loop () -> Void] = []
    private var afterCallbacksEvent: OpaquePointer?
    private var sweep: LoopTimer?
    private var bufferedBytes = 0
    private var stopped: [CheckedContinuation<Void, Never>] = []

    /// How often deadlines are looked at: one timer for all connections, since nearly none ever fires.
    private static let sweepInterval = Duration.milliseconds(100)

    package init(_ configuration: HTTPServerConfiguration = .init(), handler: @escaping Handler) {
        self.configuration = configuration
        self.handler = handler
    }

    /// Connections that are open now.
    package var connectionCount: Int { connections.count + arriving.count }

    /// Bytes of requests and answers in memory now, as counted against the budget.
    package var bytesInMemory: Int { bufferedBytes }

    /// Listens. Once only.
    package func start() throws(HTTPServerError) {
        precondition(server == nil && !isStopping, "a server starts once")
        guard let server = evhttp_new(Loop.base) else { throw HTTPServerError(operation: "evhttp_new", code: 0) }
        let context = Unmanaged.passUnretained(self).toOpaque()
        evhttp_set_max_headers_size(server, configuration.headerBytesMax)
        evhttp_set_max_body_size(server, configuration.bodyBytesMax)
        evhttp_set_default_content_type(server, nil)
        let methods = [
            EVHTTP_REQ_GET, EVHTTP_REQ_POST, EVHTTP_REQ_HEAD, EVHTTP_REQ_PUT, EVHTTP_REQ_DELETE, EVHTTP_REQ_OPTIONS,
            EVHTTP_REQ_PATCH,
        ]
        evhttp_set_allowed_methods(server, UInt16(methods.reduce(0) { $0 | $1.rawValue }))
        evhttp_set_bevcb(
            server,
            { _, context in
                var made: OpaquePointer?
                Loop.entering(context, as: HTTPServer.self) { made = $0.makeBufferevent() }
                return made
            }, context)
        evhttp_set_gencb(
            server,
            { request, context in
                guard let request else { return }
                Loop.entering(context, as: HTTPServer.self) { $0.received(request) }
            }, context)
        afterCallbacksEvent = event_new(
            Loop.base, -1, 0,
            { _, _, context in Loop.entering(context, as: HTTPServer.self) { $0.runAfterCallbacks() } },
            context)
        self.server = server
        do {
            try listen(server)
        } catch {
            release()
            throw error
        }
        sweep = LoopTimer(after: Self.sweepInterval, repeating: true) { [weak self] in self?.sweepDeadlines() }
    }

    /// Stops accepting, closes idle connections, lets requests in progress be answered, and returns when all is closed;
    /// after `deadline` it closes what is left, and their handlers' answers go nowhere.
    package func stop(deadline: Duration) async {
        guard server != nil else { return }
        if !isStopping {
            isStopping = true
            closeListener()
            for connection in connections.values { connection.stopWhenIdle() }
        }
        let timer = LoopTimer(after: deadline) { [self] in
            for connection in Array(connections.values) { connection.end() }
        }
        if connectionCount > 0 { await withCheckedContinuation { stopped.append($0) } }
        timer.cancel()
        // Not before this turn's callbacks are done: the last of them may be one of this evhttp's own.
        await withCheckedContinuation { done in Loop.atTurnEnd { done.resume() } }
        release()
    }

    isolated deinit { release() }

    private func release() {
        sweep?.cancel()
        sweep = nil
        closeListener()
        for connection in Array(connections.values) { connection.end() }
        if let server { evhttp_free(server) }
        server = nil
        if let afterCallbacksEvent { event_free(afterCallbacksEvent) }
        afterCallbacksEvent = nil
    }

    // MARK: Listening

    private func listen(_ server: OpaquePointer) throws(HTTPServerError) {
        let isIPv6 = configuration.address.utf8.contains(UInt8(ascii: ":"))
        let place = (isIPv6 ? "[\(configuration.address)]" : configuration.address) + ":\(configuration.port)"
        var address = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        let listener: OpaquePointer? = withUnsafeMutablePointer(to: &address) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard (0...65535).contains(configuration.port),
                    evutil_parse_sockaddr_port(configuration.address, address, &length) == 0
                else {
                    errno = EINVAL
                    return nil
                }
                // libevent's own reading of "address:port" refuses 0. The port lies at the same place in either family.
                address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    $0.pointee.sin_port = UInt16(configuration.port).bigEndian
                }
                let sharing = configuration.sharesPort ? LEV_OPT_REUSEABLE_PORT : 0
                return evconnlistener_new_bind(
                    Loop.base, nil, nil,
                    UInt32(LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE | sharing),
                    Int32(configuration.backlog), address, length)
            }
        }
        guard let listener else { throw HTTPServerError(operation: "listen on \(place)", code: errno) }
        guard let bound = evhttp_bind_listener(server, listener) else {
            evconnlistener_free(listener)
            throw HTTPServerError(operation: "evhttp_bind_listener", code: 0)
        }
        // Out of descriptors: the connection stays in the backlog, and asking again at once would spin. The sweep resumes.
        evconnlistener_set_error_cb(listener) { listener, _ in _ = evconnlistener_disable(listener) }
        self.listener = listener
        boundSocket = bound
        port = Self.boundPort(of: evconnlistener_get_fd(listener))
    }

    private static func boundPort(of descriptor: Int32) -> Int {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &address) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
            return storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }

    private func closeListener() {
        if let server, let boundSocket { evhttp_del_accept_socket(server, boundSocket) }
        boundSocket = nil
        listener = nil
    }

    private func admitUpToTheCap() {
        guard let listener else { return }
        if connectionCount < configuration.connectionsMax {
            evconnlistener_enable(listener)
        } else {
            evconnlistener_disable(listener)
        }
    }

    // MARK: Connections

    /// evhttp has accepted and wants a bufferevent; the connection object it makes around it is ours to find afterwards.
    private func makeBufferevent() -> OpaquePointer? {
        guard let bufferevent = bufferevent_socket_new(Loop.base, -1, 0) else { return nil }
        let connection = ServerConnection(bufferevent: bufferevent, server: self)
        arriving.append(connection)
        runAfterThisCallback { [self] in
            arriving.removeAll { $0 === connection }
            if let handle = connection.adopt() { connections[handle] = connection }
            admitUpToTheCap()
            if isStopping { connection.stopWhenIdle() }
            connectionsChanged()
        }
        admitUpToTheCap()
        return bufferevent
    }

    func closed(_ handle: OpaquePointer) {
        connections[handle] = nil
        admitUpToTheCap()
        connectionsChanged()
    }

    private func connectionsChanged() {
        guard isStopping, connectionCount == 0 else { return }
        let waiting = stopped
        stopped = []
        for continuation in waiting { continuation.resume() }
    }

    private func received(_ request: UnsafeMutablePointer<evhttp_request>) {
        guard let handle = evhttp_request_get_connection(request), let connection = connections[handle] else {
            preconditionFailure("a request of a connection that was never accepted")
        }
        connection.received(request)
    }

    private func sweepDeadlines() {
        let now = Loop.monotonicMilliseconds
        var late: [ServerConnection] = []
        for connection in connections.values where connection.deadline <= now { late.append(connection) }
        for connection in late { connection.missedDeadline() }
        admitUpToTheCap()
    }

    /// Runs `action` when libevent's present callback has returned, before the kernel is asked again.
    func runAfterThisCallback(_ action: @escaping @Loop () -> Void) {
        afterCallbacks.append(action)
        if afterCallbacks.count == 1, let afterCallbacksEvent {
            event_active(afterCallbacksEvent, Int32(EV_TIMEOUT), 0)
        }
    }

    private func runAfterCallbacks() {
        let actions = afterCallbacks
        afterCallbacks = []
        for action in actions { action() }
    }

    // MARK: Budget

    /// Replaces what a connection holds in the count; false when the sum is beyond the budget.
    func account(_ bytes: Int, replacing former: Int) -> Bool {
        bufferedBytes += bytes - former
        return bufferedBytes <= configuration.bodyBudgetBytes
    }
}
