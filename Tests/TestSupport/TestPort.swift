import Glibc
import Synchronization

/// TCP ports of 127.0.0.1 for test servers.
package enum TestPort {
    /// Below the kernel's range for outgoing connections (32768 and up): a client that reconnects to a dead server's port
    /// could else be given that very port, connect to itself and keep the server from coming back.
    private static let range = 15000..<32000
    private static let next = Mutex(Int.random(in: range))

    /// A port that nobody listens on now, not handed out before by this process.
    package static func free() throws -> Int {
        for _ in range {
            let port = next.withLock { next in
                next = next + 1 < range.upperBound ? next + 1 : range.lowerBound
                return next
            }
            if isFree(port) { return port }
        }
        throw TestSupportError("no free port between \(range.lowerBound) and \(range.upperBound)")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withLoopbackAddress(port) { bind(descriptor, $0, $1) } == 0
    }
}

func withLoopbackAddress<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
