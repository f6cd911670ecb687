import EventLoop
import Glibc

/// One proxied connection: two sockets and the bytes between them.
@Loop
final class TestProxyConnection {
    private struct Pipe {
        var pieces: [(bytes: ArraySlice<UInt8>, dueAtMs: Int64)] = []
        var sourceEnded = false
        var endPassed = false
        var bytes: Int { pieces.reduce(0) { $0 + $1.bytes.count } }
    }

    /// Bytes kept for a slow receiver before the sender is made to wait.
    private static let bufferBytesMax = 4 << 20

    private unowned let proxy: TestProxy
    private let client: Int32
    private let server: Int32
    private var clientWatch: FileWatch?
    private var serverWatch: FileWatch?
    private var pipes: [TestProxy.Direction: Pipe] = [.towardsServer: Pipe(), .towardsClient: Pipe()]
    private var timer: LoopTimer?
    private var isOpen = true

    /// `nil` when the server cannot even be asked; a refused connection shows later, as a reset.
    init?(client: Int32, proxy: TestProxy) {
        self.client = client
        self.proxy = proxy
        server = socket(
            AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard server >= 0 else { return nil }
        let result = withLoopbackAddress(proxy.serverPort) { connect(server, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            Glibc.close(server)
            return nil
        }
        var yes: Int32 = 1
        for descriptor in [client, server] {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        clientWatch = FileWatch(descriptor: client) { [unowned self] in
            ready($0, reads: .towardsServer, writes: .towardsClient)
        }
        serverWatch = FileWatch(descriptor: server) { [unowned self] in
            ready($0, reads: .towardsClient, writes: .towardsServer)
        }
        updateInterest()
    }

    func behaviourChanged() {
        for direction in [TestProxy.Direction.towardsServer, .towardsClient] where isOpen { flush(direction) }
        updateInterest()
    }

    /// Closes both sides with RST.
    func reset() {
        guard isOpen else { return }
        isOpen = false
        timer?.cancel()
        clientWatch?.cancel()
        serverWatch?.cancel()
        Self.resetAndClose(client)
        Self.resetAndClose(server)
    }

    static func resetAndClose(_ descriptor: Int32) {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        Glibc.close(descriptor)
    }

    private func ready(
        _ what: FileWatch.Interest, reads: TestProxy.Direction, writes: TestProxy.Direction
    ) {
        // The proxy forgets a connection while its own callback runs.
        withExtendedLifetime(self) {
            if isOpen, what.contains(.readable) { receive(reads) }
            if isOpen, what.contains(.writable) { flush(writes) }
            if isOpen { updateInterest() }
        }
    }

    private func receive(_ direction: TestProxy.Direction) {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(source(direction), &chunk, chunk.count, 0)
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            fail()
            return
        }
        if count == 0 {
            pipes[direction]?.sourceEnded = true
            flush(direction)
            return
        }
        var dueAtMs: Int64 = 0
        switch proxy.behaviour(direction) {
        case .drop: return
        case .delay(let duration):
            dueAtMs = Loop.monotonicMilliseconds + Int64(duration / .milliseconds(1))
        case .forward, .hold: break
        }
        pipes[direction]?.pieces.append((chunk[..<count], dueAtMs))
        flush(direction)
    }

    private func flush(_ direction: TestProxy.Direction) {
        guard proxy.behaviour(direction) != .hold else { return }
        while isOpen, let piece = pipes[direction]?.pieces.first {
            let wait = piece.dueAtMs - Loop.monotonicMilliseconds
            if wait > 0 {
                flushLater(.milliseconds(wait))
                return
            }
            let allowed = proxy.allowance(direction, piece.bytes.count)
            let count = piece.bytes.prefix(allowed).withUnsafeBytes {
                send(target(direction), $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno != EAGAIN && errno != EINTR && errno != ENOTCONN { fail() }
                return
            }
            pipes[direction]?.pieces[0].bytes = piece.bytes.dropFirst(count)
            if count == piece.bytes.count { pipes[direction]?.pieces.removeFirst() }
            proxy.passed(direction, piece.bytes.prefix(count))
            if proxy.pieceBytesMax != nil, isOpen {
                // The next piece in a later turn, so that the receiver really sees it alone.
                flushLater(.milliseconds(1))
                return
            }
        }
        passEnd(direction)
    }

    private func passEnd(_ direction: TestProxy.Direction) {
        guard isOpen, let pipe = pipes[direction], pipe.sourceEnded, !pipe.endPassed, pipe.pieces.isEmpty else {
            return
        }
        shutdown(target(direction), Int32(SHUT_WR))
        pipes[direction]?.endPassed = true
        if pipes.values.allSatisfy(\.endPassed) { fail() }
    }

    private func flushLater(_ duration: Duration) {
        timer?.cancel()
        timer = LoopTimer(after: duration) { [weak self] in self?.behaviourChanged() }
    }

    private func fail() {
        reset()
        proxy.forget(self)
    }

    private func source(_ direction: TestProxy.Direction) -> Int32 { direction == .towardsServer ? client : server }
    private func target(_ direction: TestProxy.Direction) -> Int32 { direction == .towardsServer ? server : client }

    private func updateInterest() {
        guard isOpen else { return }
        clientWatch?.watch(for: interest(reads: .towardsServer, writes: .towardsClient))
        serverWatch?.watch(for: interest(reads: .towardsClient, writes: .towardsServer))
    }

    private func interest(reads: TestProxy.Direction, writes: TestProxy.Direction) -> FileWatch.Interest {
        var interest: FileWatch.Interest = []
        if let pipe = pipes[reads], !pipe.sourceEnded, pipe.bytes < Self.bufferBytesMax { interest.insert(.readable) }
        if let first = pipes[writes]?.pieces.first, proxy.behaviour(writes) != .hold, proxy.pieceBytesMax == nil,
            first.dueAtMs <= Loop.monotonicMilliseconds
        {
            interest.insert(.writable)
        }
        return interest
    }
}
