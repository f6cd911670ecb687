import EventLoop
import Glibc
import Testing

/// A server that treats each connection as its test says.
@Loop
final class RawServer {
    let port: Int
    private(set) var connectionCount = 0
    private let descriptor: Int32
    private var watch: FileWatch?
    private var tasks: [Task<Void, Never>] = []

    /// - Parameter serve: called for each connection, which is closed when it returns or throws (the other end left).
    init(_ serve: @escaping @Loop (RawPeer) async throws -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        try #require(descriptor >= 0)
        try #require(withLoopback(0) { bind(descriptor, $0, $1) } == 0)
        try #require(listen(descriptor, 1024) == 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        try #require(named == 0)
        port = Int(UInt16(bigEndian: address.sin_port))
        self.descriptor = descriptor
        watch = FileWatch(descriptor: descriptor) { [weak self] _ in self?.accept(serve) }
        watch?.watch(for: .readable)
    }

    var url: String { "http://127.0.0.1:\(port)/hook" }

    private func accept(_ serve: @escaping @Loop (RawPeer) async throws -> Void) {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0, fcntl(accepted, F_SETFL, O_NONBLOCK) == 0 else { return }
        connectionCount += 1
        let peer = RawPeer(descriptor: accepted)
        tasks.append(
            Task { @Loop in
                // The other end's leaving is how most of these end.
                try? await serve(peer)
                peer.close()
            })
    }

    isolated deinit {
        watch?.cancel()
        close(descriptor)
        for task in tasks { task.cancel() }
    }
}

extension RawPeer {
    /// Reads a whole request with a `Content-Length`, or without a body.
    func readRequest() async throws -> (head: String, body: String) {
        let head = try await read(through: "\r\n\r\n")
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) }
        return (head, String(decoding: try await read(length ?? 0), as: UTF8.self))
    }
}
