package import EventLoop
import Glibc

/// A TCP proxy between a client under test and a real server, that misbehaves on demand.
///
/// It listens on 127.0.0.1 from its making until ``close()``.
@Loop
package final class TestProxy {
    /// What becomes of bytes in one direction, for present and coming connections.
    package enum Behaviour: Hashable, Sendable {
        case forward
        /// Bytes are kept, as by a network that has gone silent; they go on when this ends.
        case hold
        /// Bytes are read and thrown away.
        case drop
        /// Each piece goes on after this time, in order.
        case delay(Duration)
    }

    package enum Direction: Hashable, Sendable {
        case towardsServer, towardsClient
    }

    package let host = "127.0.0.1"
    package let port: Int
    package var towardsServer = Behaviour.forward { didSet { behaviourChanged() } }
    package var towardsClient = Behaviour.forward { didSet { behaviourChanged() } }
    /// Passes at most so many bytes at a time on, for parsers; `nil` passes all there is.
    package var pieceBytesMax: Int?
    /// Closes new connections at once.
    package var refusesConnections = false
    /// Connections accepted so far.
    package private(set) var acceptedCount = 0
    /// Bytes passed on so far, of all connections.
    package private(set) var bytesPassed: [Direction: Int] = [:]
    /// Told of each piece that passed.
    package var onPassed: ((Direction, ArraySlice<UInt8>) -> Void)?
    package var openConnectionCount: Int { connections.count }

    let serverPort: Int
    private let listener: Int32
    private var watch: FileWatch?
    private var connections: [ObjectIdentifier: TestProxyConnection] = [:]
    private var cutAfter: [Direction: Int] = [:]

    /// - Parameter serverPort: the server's port on 127.0.0.1.
    package init(to serverPort: Int) throws {
        self.serverPort = serverPort
        port = try TestPort.free()
        listener = socket(
            AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withLoopbackAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 128) == 0 else {
            throw TestSupportError("the proxy cannot listen on \(port)")
        }
        watch = FileWatch(descriptor: listener) { [weak self] _ in self?.accept() }
        watch?.watch(for: .readable)
    }

    /// Both directions keep their bytes; connections stay open and new ones are accepted.
    package func goSilent() {
        towardsServer = .hold
        towardsClient = .hold
    }

    package func forwardAgain() {
        towardsServer = .forward
        towardsClient = .forward
    }

    /// Resets every connection once `count` more bytes have passed in `direction`; the byte after them never arrives.
    package func cut(_ direction: Direction, afterBytes count: Int) {
        cutAfter[direction] = count
        if count == 0 { cutNow() }
    }

    /// Resets every connection (RST to both sides).
    package func cutNow() {
        for connection in connections.values { connection.reset() }
        connections = [:]
    }

    /// Resets every connection and listens no more.
    package func close() {
        cutNow()
        guard watch != nil else { return }
        watch?.cancel()
        watch = nil
        Glibc.close(listener)
    }

    private func accept() {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        _ = fcntl(client, F_SETFL, O_NONBLOCK)
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        acceptedCount += 1
        guard !refusesConnections, let connection = TestProxyConnection(client: client, proxy: self) else {
            TestProxyConnection.resetAndClose(client)
            return
        }
        connections[ObjectIdentifier(connection)] = connection
    }

    private func behaviourChanged() {
        for connection in connections.values { connection.behaviourChanged() }
    }

    func behaviour(_ direction: Direction) -> Behaviour {
        direction == .towardsServer ? towardsServer : towardsClient
    }

    /// How many of `count` bytes may pass now.
    func allowance(_ direction: Direction, _ count: Int) -> Int {
        min(count, cutAfter[direction] ?? count, pieceBytesMax ?? count)
    }

    func passed(_ direction: Direction, _ bytes: ArraySlice<UInt8>) {
        let count = bytes.count
        bytesPassed[direction, default: 0] += count
        onPassed?(direction, bytes)
        guard let left = cutAfter[direction] else { return }
        cutAfter[direction] = left - count
        guard left <= count else { return }
        cutAfter[direction] = nil
        cutNow()
    }

    func forget(_ connection: TestProxyConnection) { connections[ObjectIdentifier(connection)] = nil }
}
