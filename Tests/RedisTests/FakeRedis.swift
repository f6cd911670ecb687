import EventLoop
import Glibc
import TestSupport

/// A server that answers the first commands of each connection like Redis and then says what it is told to.
@Loop
final class FakeRedis {
    /// Sent once, behind the answers to the first commands.
    var says = ""
    private(set) var acceptedCount = 0
    let port: Int
    private let listener: Int32
    private var watch: FileWatch?
    private var clients: [Int32: FileWatch] = [:]

    /// The answers to CLIENT SETNAME, INFO server and PING.
    private static let info = "# Server\r\nrun_id:\(String(repeating: "f", count: 40))\r\n"
    private static let greeting = "+OK\r\n$\(info.utf8.count)\r\n\(info)\r\n+PONG\r\n"

    init(greets: Bool = true) throws {
        port = try TestPort.free()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let bound = withLoopbackAddress(port: port) { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 16) == 0 else { throw TestSupportError("the fake cannot listen on \(port)") }
        watch = FileWatch(descriptor: listener) { [weak self] _ in self?.accept(greets: greets) }
        watch?.watch(for: .readable)
    }

    func close() {
        watch?.cancel()
        Glibc.close(listener)
        for client in clients.keys { forget(client) }
    }

    private func accept(greets: Bool) {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        acceptedCount += 1
        let text = Array(((greets ? Self.greeting : "") + says).utf8)
        var isGreeted = false
        let watch = FileWatch(descriptor: client) { [weak self] _ in
            var bytes = [UInt8](repeating: 0, count: 4096)
            guard recv(client, &bytes, bytes.count, 0) > 0 else {
                self?.forget(client)
                return
            }
            if !isGreeted { send(client, text, text.count, Int32(MSG_NOSIGNAL)) }
            isGreeted = true
        }
        clients[client] = watch
        watch.watch(for: .readable)
    }

    private func forget(_ client: Int32) {
        guard let watch = clients.removeValue(forKey: client) else { return }
        watch.cancel()
        Glibc.close(client)
    }
}

/// Gives `body` what `bind` and `connect` take.
func withLoopbackAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
