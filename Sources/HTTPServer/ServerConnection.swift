import CEvent
import Core
import EventLoop
import Glibc

/// One accepted connection, and whose the memory is.
///
/// The connection, its bufferevent and its requests are evhttp's; this object only watches. It holds a request's pointer
/// exactly while the handler works (`handling`). If the connection ends in that time, evhttp cuts the request off and leaves
/// it to us: the close callback frees it. Once an answer is given the request is evhttp's again. A handler's answer carries the
/// number of its exchange, so one that comes too late finds another phase or another number, and is dropped.
///
/// evhttp offers no way to end a connection in every phase but this: report a time-out to its own event callback.
@Loop
final class ServerConnection {
    enum Phase {
        /// Between requests -> receiving, closed.
        case idle
        /// From a request's first byte -> handling, refusing, closed.
        case receiving
        /// The handler has it -> sending, closed.
        case handling(UnsafeMutablePointer<evhttp_request>)
        /// The answer is being written -> idle, receiving, closed.
        case sending
        /// Refused; what still comes is thrown away until the client closes or the linger deadline -> closed.
        case refusing
        case closed
    }

    let bufferevent: OpaquePointer
    let server: HTTPServer
    var phase = Phase.idle
    /// When the present phase has lasted too long, by ``Loop/monotonicMilliseconds``.
    var deadline: Int64
    var handle: OpaquePointer?
    var peerAddress = ""
    /// Of the request that is being received, headers included.
    var receivedBytes = 0
    /// When the present request's first byte came, then when its last had come.
    var startedNanoseconds: Int64 = 0
    var access: PendingAccess?
    private var accounted = 0
    private var exchange: UInt64 = 0
    private var task: Task<Void, Never>?
    private var inputWatch: OpaquePointer?
    private var outputWatch: OpaquePointer?
    /// evhttp's own event callback, while ours stands in its place.
    var evhttpCallbacks: (event: bufferevent_event_cb?, context: UnsafeMutableRawPointer?)?

    /// What the access log will be told when the answer is out.
    struct PendingAccess {
        var requestID: String
        var method: String
        var path: String
        var status = 0
        var bodyBytes = 0
        var outcome = HTTPAccess.Outcome.aborted
    }

    /// A client may go on sending while its answer is written; beyond this it is not read.
    private static let pipelinedBytesMax = 64 * 1024

    init(bufferevent: OpaquePointer, server: HTTPServer) {
        self.bufferevent = bufferevent
        self.server = server
        deadline = Loop.monotonicMilliseconds + server.configuration.requestDeadline.milliseconds
        // Ours until `adopt`: evhttp may fail to make its connection and then frees the bufferevent.
        bufferevent_incref(bufferevent)
    }

    var input: OpaquePointer { bufferevent_get_input(bufferevent) }
    var output: OpaquePointer { bufferevent_get_output(bufferevent) }
    private var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    /// Takes hold of evhttp's connection object, which its callbacks' context is; `nil` when there is none.
    func adopt() -> OpaquePointer? {
        defer { bufferevent_decref(bufferevent) }
        var found: UnsafeMutableRawPointer?
        bufferevent_getcb(bufferevent, nil, nil, nil, &found)
        guard let found else {
            phase = .closed
            return nil
        }
        let handle = OpaquePointer(found)
        self.handle = handle
        evhttp_connection_set_closecb(
            handle, { _, context in Loop.entering(context, as: ServerConnection.self) { $0.connectionClosed() } },
            context)
        var one: Int32 = 1
        // A failure costs only latency.
        _ = setsockopt(
            bufferevent_getfd(bufferevent), Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        inputWatch = evbuffer_add_cb(
            input,
            { _, change, context in
                guard let added = change?.pointee.n_added, added > 0 else { return }
                Loop.entering(context, as: ServerConnection.self) { $0.bytesCame(added) }
            }, context)
        outputWatch = evbuffer_add_cb(
            output,
            { _, change, context in
                guard let change, change.pointee.n_added > 0 else { return }
                Loop.entering(context, as: ServerConnection.self) { $0.evhttpWrote(after: change.pointee.orig_size) }
            }, context)
        var peer: UnsafeMutablePointer<CChar>?
        var port: UInt16 = 0
        evhttp_connection_get_peer(handle, &peer, &port)
        if let peer { peerAddress = String(cString: peer) }
        return handle
    }

    // MARK: Reading

    /// Bytes were read off the socket; evhttp looks at them when this returns.
    private func bytesCame(_ count: Int) {
        switch phase {
        case .idle: beginReceiving()
        case .sending:
            if evbuffer_get_length(input) > Self.pipelinedBytesMax { bufferevent_disable(bufferevent, Int16(EV_READ)) }
            return
        case .receiving: break
        case .refusing:
            discardInput()
            return
        case .handling, .closed: return
        }
        receivedBytes += count
        let configuration = server.configuration
        if receivedBytes > configuration.headerBytesMax + 2 * configuration.bodyBytesMax + Self.pipelinedBytesMax {
            // Only chunk framing without end can come here: evhttp bounds the rest.
            refuse(.bodyTooLarge)
        } else if !setAccounted(receivedBytes) {
            refuse(.overBudget)
        }
    }

    private func beginReceiving() {
        phase = .receiving
        receivedBytes = 0
        startedNanoseconds = Loop.monotonicNanoseconds
        deadline = startedNanoseconds / 1_000_000 + server.configuration.requestDeadline.milliseconds
    }

    func setAccounted(_ bytes: Int) -> Bool {
        let former = accounted
        accounted = bytes
        return server.account(bytes, replacing: former)
    }

    /// evhttp has read a whole request.
    func received(_ request: UnsafeMutablePointer<evhttp_request>) {
        phase = .handling(request)
        exchange &+= 1
        let number = exchange
        startedNanoseconds = Loop.monotonicNanoseconds
        evhttp_request_set_on_complete_cb(
            request, { _, context in Loop.entering(context, as: ServerConnection.self) { $0.answerWritten() } }, context
        )
        let value = HTTPRequest(reading: request, connection: self)
        access = PendingAccess(requestID: value.id, method: value.method, path: value.path)
        _ = setAccounted(value.body.count + evbuffer_get_length(input))
        // evhttp takes HTTP/0.9 and even HTTP/-1.1 for a version.
        let (major, minor) = (request.pointee.major, request.pointee.minor)
        if major != 1 || minor < 0 || RequestFraming.isAmbiguous(value.headers, isVersion11: minor >= 1) {
            answer(refusing: .malformed)
            return
        }
        // Immediately: a handler that need not wait answers within this very callback.
        let task = Task.immediate { @Loop [handler = server.handler] in
            let response = await handler(value)
            self.answer(response, exchange: number)
        }
        if case .handling = phase, exchange == number { self.task = task }
    }

    // MARK: Answering

    private func answer(_ response: HTTPResponse, exchange number: UInt64) {
        guard case .handling(let request) = phase, exchange == number else { return }
        access?.outcome = .answered
        send(response, for: request, closing: false)
    }

    /// Answers in the handler's place a request that has been read whole.
    private func answer(refusing refusal: Refusal) {
        guard case .handling(let request) = phase, let access else { return }
        self.access?.outcome = .refused
        send(refusal.response(requestID: access.requestID), for: request, closing: true)
    }

    private func send(_ response: HTTPResponse, for request: UnsafeMutablePointer<evhttp_request>, closing: Bool) {
        phase = .sending
        task = nil
        deadline = Loop.monotonicMilliseconds + server.configuration.requestDeadline.milliseconds
        access?.status = response.status
        access?.bodyBytes = response.body.count
        _ = setAccounted(response.body.count + evbuffer_get_length(input))
        response.write(to: request, requestID: access?.requestID ?? "", closing: closing || server.isStopping)
    }

    /// The answer's last byte is with the kernel; evhttp goes on to the next request, or closes.
    private func answerWritten() {
        record()
        let pipelined = evbuffer_get_length(input)
        _ = setAccounted(pipelined)
        if pipelined > 0 {
            beginReceiving()
            receivedBytes = pipelined
        } else {
            phase = .idle
            deadline = Loop.monotonicMilliseconds + server.configuration.idleTimeout.milliseconds
        }
        // The answer may have been on its way, without `Connection: close`, when the stop began.
        if server.isStopping { server.runAfterThisCallback { self.stopWhenIdle() } }
    }

    func record() {
        guard let access else { return }
        self.access = nil
        server.onAccess?(
            HTTPAccess(
                requestID: access.requestID, method: access.method, path: access.path, status: access.status,
                bodyBytes: access.bodyBytes, microseconds: Int((Loop.monotonicNanoseconds - startedNanoseconds) / 1000),
                peerAddress: peerAddress, outcome: access.outcome))
    }

    // MARK: Ending

    func stopWhenIdle() {
        if case .idle = phase { end() }
    }

    func missedDeadline() {
        switch phase {
        case .idle, .sending, .refusing: end()
        case .receiving: refuse(.tooSlow)
        case .handling:
            task?.cancel()
            answer(refusing: .handlerTooSlow)
        case .closed: break
        }
    }

    /// Closes now, whatever the phase. Not from within evhttp's own callbacks.
    func end() {
        if case .closed = phase { return }
        task?.cancel()
        if let evhttpCallbacks {
            bufferevent_setcb(bufferevent, nil, nil, evhttpCallbacks.event, evhttpCallbacks.context)
            self.evhttpCallbacks = nil
        }
        bufferevent_trigger_event(bufferevent, Int16(BEV_EVENT_TIMEOUT), 0)
    }

    /// evhttp is about to free its connection, for whatever reason.
    private func connectionClosed() {
        if case .handling(let request) = phase, evhttp_request_get_connection(request) == nil {
            evhttp_request_free(request)
        }
        phase = .closed
        if access?.outcome == .answered { access?.outcome = .aborted }
        record()
        _ = setAccounted(0)
        task = nil
        if let inputWatch { evbuffer_remove_cb_entry(input, inputWatch) }
        if let outputWatch { evbuffer_remove_cb_entry(output, outputWatch) }
        inputWatch = nil
        outputWatch = nil
        if let handle { server.closed(handle) }
    }
}
