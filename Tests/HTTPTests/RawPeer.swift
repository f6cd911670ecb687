import EventLoop
import Glibc
import Testing

/// One end of a TCP connection that says exactly what a test wants, well-formed or not.
@Loop
final class RawPeer {
    /// The other end went away before it had said enough.
    struct Ended: Error {
        let received: [UInt8]
        /// It was reset, not closed.
        let isReset: Bool
    }

    struct Response {
        let status: Int
        let headers: [String: String]
        let body: String
    }

    private let descriptor: Int32
    private var watch: FileWatch?
    private var waiting: CheckedContinuation<Void, Never>?
    private var buffer: [UInt8] = []
    private var consumed = 0
    private var isClosed = false
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 1)

    /// Takes over a non-blocking socket.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        watch = FileWatch(descriptor: descriptor) { [weak self] _ in self?.wake() }
    }

    static func connect(port: Int) async throws -> RawPeer {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        try #require(descriptor >= 0)
        let result = withLoopback(port) { Glibc.connect(descriptor, $0, $1) }
        try #require(result == 0 || errno == EINPROGRESS)
        let peer = RawPeer(descriptor: descriptor)
        await peer.wait(for: .writable)
        return peer
    }

    /// Whether the connection was established.
    var isConnected: Bool {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 && code == 0
    }

    private func wake() {
        watch?.cancel()
        let resumed = waiting
        waiting = nil
        resumed?.resume()
    }

    private func wait(for interest: FileWatch.Interest) async {
        await withCheckedContinuation { continuation in
            precondition(waiting == nil)
            waiting = continuation
            watch?.watch(for: interest)
        }
    }

    /// Sends all of it, waiting for the other end to read when need be. A connection that is gone is no failure here.
    @discardableResult func send(_ text: String) async -> Bool { await send(Array(text.utf8)) }

    @discardableResult func send(_ bytes: [UInt8]) async -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                guard errno == EAGAIN else { return false }
                await wait(for: .writable)
            } else {
                sent += count
            }
        }
        return true
    }

    /// Reads until there are `count` bytes.
    func read(_ count: Int) async throws -> [UInt8] {
        while buffer.count - consumed < count { try await readMore() }
        return take(count)
    }

    /// Reads up to and including the text.
    func read(through text: String) async throws -> String {
        let wanted = Array(text.utf8)
        var searched = consumed
        while true {
            if let end = place(of: wanted, from: searched) {
                return String(decoding: take(end + wanted.count - consumed), as: UTF8.self)
            }
            searched = max(consumed, buffer.count - wanted.count)
            try await readMore()
        }
    }

    private func place(of wanted: [UInt8], from start: Int) -> Int? {
        buffer.withUnsafeBytes { bytes -> Int? in
            var start = start
            while start + wanted.count <= bytes.count {
                let space = bytes.count - wanted.count + 1 - start
                guard let found = memchr(bytes.baseAddress! + start, Int32(wanted[0]), space) else { return nil }
                start = UnsafeRawPointer(found) - bytes.baseAddress!
                if memcmp(found, wanted, wanted.count) == 0 { return start }
                start += 1
            }
            return nil
        }
    }

    /// Moves memory only when all of it is taken, so that many small answers in a large buffer cost no more than they are.
    private func take(_ count: Int) -> [UInt8] {
        defer {
            consumed += count
            if consumed == buffer.count {
                buffer.removeAll(keepingCapacity: true)
                consumed = 0
            }
        }
        return Array(buffer[consumed..<(consumed + count)])
    }

    /// Everything until the other end closes, and whether it closed by a reset.
    func readToEnd() async -> (text: String, isReset: Bool) {
        do {
            while true { try await readMore() }
        } catch let ended as Ended {
            return (String(decoding: ended.received, as: UTF8.self), ended.isReset)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private func readMore() async throws {
        while true {
            let count = recv(descriptor, chunk.baseAddress, chunk.count, 0)
            if count > 0 {
                buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<count]))
                return
            }
            if count == 0 || errno != EAGAIN { throw Ended(received: Array(buffer[consumed...]), isReset: count != 0) }
            await wait(for: .readable)
        }
    }

    /// - Parameter hasBody: false for the answer to a `HEAD`.
    func readResponse(hasBody: Bool = true) async throws -> Response {
        let head = try await read(through: "\r\n\r\n")
        var lines = head.split(separator: "\r\n")
        let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? -1
        var headers: [String: String] = [:]
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].drop { $0 == " " }.description
        }
        let length = hasBody ? headers["content-length"].flatMap { Int($0) } ?? 0 : 0
        return Response(status: status, headers: headers, body: String(decoding: try await read(length), as: UTF8.self))
    }

    func exchange(_ request: String) async throws -> Response {
        await send(request)
        return try await readResponse()
    }

    func get(_ path: String = "/") async throws -> Response {
        try await exchange("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        watch?.cancel()
        _ = Glibc.close(descriptor)
    }

    /// Closes by a reset, which the other end sees as an error.
    func reset() {
        var lingering = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    isolated deinit {
        close()
        chunk.deallocate()
    }
}

func withLoopback<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
