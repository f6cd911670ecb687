import CEvent
import Core
import EventLoop
import Glibc

/// Refusing a request that has not been read whole. evhttp would write an error page and close at once, and a socket that is
/// closed with unread bytes resets the connection, which often takes the page with it. So here the socket is taken out
/// of evhttp's hands: the refusal is written, the sending side closed, and the rest read and thrown away for a moment.
extension ServerConnection {
    /// evhttp wrote something. While a request is being received that is either `100 Continue` or the start of an error
    /// page, which we replace by a refusal of our own: before the page's first byte reaches the socket.
    func evhttpWrote(after formerLength: Int) {
        guard case .receiving = phase, let status = statusWritten(after: formerLength), status != 100 else { return }
        let refusal = Refusal(
            evhttpStatus: status, receivedBytes: receivedBytes, headerBytesMax: server.configuration.headerBytesMax)
        server.runAfterThisCallback {
            guard case .receiving = self.phase else { return }
            self.refuse(refusal)
        }
    }

    /// The status in the line that begins at that place of the output.
    private func statusWritten(after formerLength: Int) -> Int? {
        // As evhttp writes it: "HTTP/1.1 413 ".
        let prefixLength = 9
        var place = evbuffer_ptr()
        guard evbuffer_ptr_set(output, &place, formerLength, EVBUFFER_PTR_SET) == 0 else { return nil }
        let line = withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { bytes in
            let count = max(0, evbuffer_copyout_from(output, &place, bytes.baseAddress, bytes.count))
            return Array(bytes.prefix(count))
        }
        let digits = line.dropFirst(prefixLength).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return line.starts(with: Array("HTTP/".utf8)) ? Int(String(decoding: digits, as: UTF8.self)) : nil
    }

    /// Only while receiving.
    ///
    /// No read callback stands in for evhttp's: a deferred read of evhttp's may be pending, and that calls whichever read
    /// callback it finds, with evhttp's context. What comes is thrown away as it enters the input buffer.
    func refuse(_ refusal: Refusal) {
        phase = .refusing
        deadline = Loop.monotonicMilliseconds + server.configuration.lingerDeadline.milliseconds
        let context = Unmanaged.passUnretained(self).toOpaque()
        var event: bufferevent_event_cb?
        var evhttpContext: UnsafeMutableRawPointer?
        bufferevent_getcb(bufferevent, nil, nil, &event, &evhttpContext)
        evhttpCallbacks = (event, evhttpContext)
        bufferevent_setcb(
            bufferevent, nil, nil,
            { _, _, context in Loop.entering(context, as: ServerConnection.self) { $0.end() } }, context)
        bufferevent_disable(bufferevent, Int16(EV_WRITE))
        bufferevent_enable(bufferevent, Int16(EV_READ))
        write(refusal)
        record()
        discardInput()
    }

    private func write(_ refusal: Refusal) {
        let id = server.requestIDs.make()
        let response = refusal.response(requestID: id)
        access = PendingAccess(
            requestID: id, method: "", path: "", status: response.status, bodyBytes: response.body.count,
            outcome: .refused)
        var text = "HTTP/1.1 \(refusal.status) \(refusal.reason)\r\n\(RequestID.name): \(id)\r\nConnection: close\r\n"
        text += "Content-Length: \(response.body.count)\r\n"
        for (name, value) in response.headers.fields { text += "\(name): \(value)\r\n" }
        text += "\r\n"
        let bytes = Array(text.utf8) + response.body
        let descriptor = bufferevent_getfd(bufferevent)
        // The socket's buffer is empty or nearly so: what does not fit at once is not worth waiting for.
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    func discardInput() {
        evbuffer_drain(input, evbuffer_get_length(input))
        _ = setAccounted(0)
    }
}
