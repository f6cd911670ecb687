import CEvent
import Core
import EventLoop
import Glibc

extension HTTPRequest {
    /// Copies what evhttp has read, and takes the body out of evhttp's buffer.
    @Loop init(reading request: UnsafeMutablePointer<evhttp_request>, connection: ServerConnection) {
        let headers = HTTPHeaders(copying: evhttp_request_get_input_headers(request))
        let uri = evhttp_request_get_evhttp_uri(request)
        let path = uri.flatMap { evhttp_uri_get_path($0) }.map { String(cString: $0) } ?? ""
        self.init(
            method: Self.method(evhttp_request_get_command(request)), path: path.isEmpty ? "/" : path,
            queryString: uri.flatMap { evhttp_uri_get_query($0) }.map { String(cString: $0) } ?? "",
            headers: headers, body: Self.takeBody(of: request), peerAddress: connection.peerAddress,
            id: connection.server.requestIDs.accept(headers[RequestID.name]), receivedAt: Loop.wallClock)
    }

    private static func method(_ command: evhttp_cmd_type) -> String {
        switch command {
        case EVHTTP_REQ_GET: "GET"
        case EVHTTP_REQ_POST: "POST"
        case EVHTTP_REQ_HEAD: "HEAD"
        case EVHTTP_REQ_PUT: "PUT"
        case EVHTTP_REQ_DELETE: "DELETE"
        case EVHTTP_REQ_OPTIONS: "OPTIONS"
        case EVHTTP_REQ_PATCH: "PATCH"
        default: preconditionFailure("a method that was not allowed")
        }
    }

    private static func takeBody(of request: UnsafeMutablePointer<evhttp_request>) -> [UInt8] {
        let buffer = evhttp_request_get_input_buffer(request)
        let length = evbuffer_get_length(buffer)
        guard length > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: length) { bytes, count in
            count = max(0, Int(evbuffer_remove(buffer, bytes.baseAddress, length)))
        }
    }
}

extension HTTPHeaders {
    init(copying list: UnsafeMutablePointer<evkeyvalq>?) {
        self.init()
        reserveCapacity(512)
        var next = list?.pointee.tqh_first
        while let field = next {
            add(name: field.pointee.key, value: field.pointee.value)
            next = field.pointee.next.tqe_next
        }
    }
}

extension HTTPResponse {
    /// Gives the answer to evhttp, which owns the request from then on.
    @Loop func write(to request: UnsafeMutablePointer<evhttp_request>, requestID: String, closing: Bool) {
        let fields = evhttp_request_get_output_headers(request)
        headers.forEach { name, value in
            // NUL-terminated both; evhttp refuses only line ends, which they cannot hold.
            name.withMemoryRebound(to: CChar.self) { name in
                value.withMemoryRebound(to: CChar.self) { value in
                    _ = evhttp_add_header(fields, name.baseAddress, value.baseAddress)
                }
            }
            return true
        }
        evhttp_add_header(fields, RequestID.name, requestID)
        if closing { evhttp_add_header(fields, "Connection", "close") }
        if evhttp_request_get_command(request) == EVHTTP_REQ_HEAD {
            evhttp_add_header(fields, "Content-Length", "\(body.count)")
        } else if !body.isEmpty, status != 204, status != 304 {
            evbuffer_add(evhttp_request_get_output_buffer(request), body, body.count)
        }
        evhttp_send_reply(request, Int32(status), nil, nil)
    }
}
