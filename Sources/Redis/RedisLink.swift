import CHiredis
import EventLoop
import Glibc

/// One socket to Redis: owns one hiredis context from connecting to its end, and is then thrown away.
///
/// hiredis' own libevent adapter asks epoll twice for each command it writes. Here a command only notes that something
/// is to be written; one `write` at the end of the turn sends all commands of the turn, and epoll is asked for
/// writability only while the socket is full.
///
/// No code of others runs inside hiredis: replies are gathered there and handed out when its call has returned.
@Loop
final class RedisLink {
    /// Called with the whole replies of each read; empty when bytes came but no reply is whole yet.
    var onReplies: (([RedisValue]) -> Void)?
    /// Called once when the connection ends by itself; not after ``close()``.
    var onEnd: (() -> Void)?

    /// Bytes of all commands given to ``submit(_:)``.
    private(set) var submittedBytes = 0
    /// Why the connection ended.
    private(set) var failureText = "closed"

    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var unsentBytesAtEnd = 0
    private let builder = ReplyBuilder()
    private var watch: FileWatch?
    private var wanted: FileWatch.Interest = []
    private var isWriting = false
    private var flushIsDue = false
    private var endIsTold = false

    /// Begins to connect.
    /// - Throws: ``RedisError`` of kind `notConnected` when that fails at once.
    init(to endpoint: RedisConfiguration.Endpoint) throws(RedisError) {
        let connecting =
            switch endpoint {
            case .tcp(let address, let port): redisAsyncConnect(address, Int32(port))
            case .unix(let path): redisAsyncConnectUnix(path)
            }
        guard let context = connecting else { throw RedisError(.notConnected, "hiredis is out of memory") }
        guard context.pointee.err == 0 else {
            let text = Self.errorText(of: context)
            redisAsyncFree(context)
            throw RedisError(.notConnected, text)
        }
        self.context = context
        builder.attach(to: context.pointee.c.reader)
        let descriptor = context.pointee.c.fd
        Self.prepare(descriptor)
        watch = FileWatch(descriptor: descriptor) { [weak self] in self?.handle($0) }
        context.pointee.ev.data = Unmanaged.passUnretained(self).toOpaque()
        context.pointee.ev.addRead = { Loop.entering($0, as: RedisLink.self) { $0.wanted.insert(.readable) } }
        context.pointee.ev.delRead = { Loop.entering($0, as: RedisLink.self) { $0.wanted.remove(.readable) } }
        context.pointee.ev.addWrite = { Loop.entering($0, as: RedisLink.self) { $0.wantsToWrite() } }
        context.pointee.ev.delWrite = { Loop.entering($0, as: RedisLink.self) { $0.wanted.remove(.writable) } }
        context.pointee.ev.cleanup = { Loop.entering($0, as: RedisLink.self) { $0.contextEnds() } }
    }

    /// Bytes that the socket has not taken yet.
    var unsentBytes: Int { context.map { tributary_unsent_bytes($0) } ?? unsentBytesAtEnd }

    /// How far the socket has taken the stream of commands.
    var writtenBytes: Int { submittedBytes - unsentBytes }

    /// Queues the encoder's command; it is written at the end of this turn, once connected, or with the others before it as
    /// soon as they are many, so that Redis can begin. False when it cannot be.
    func submit(_ encoder: CommandEncoder) -> Bool {
        guard let context else { return false }
        let length = encoder.count
        // No callback: replies reach the builder in the order of the commands, which is all we need to match them.
        guard encoder.withBytes({ redisAsyncFormattedCommand(context, nil, nil, $0, $1) }) == REDIS_OK else {
            return false
        }
        submittedBytes += length
        // The end of the turn hands out what comes of it.
        if flushIsDue, unsentBytes >= RedisLimits.writeAheadBytes, !wanted.contains(.writable) { write() }
        watch?.watch(for: wanted)
        return true
    }

    /// Ends the connection at once; nothing is called any more.
    func close() {
        endIsTold = true
        onReplies = nil
        onEnd = nil
        if let context { redisAsyncFree(context) }
    }

    private func wantsToWrite() {
        guard let context else { return }
        let isConnected = context.pointee.c.flags & REDIS_CONNECTED != 0
        if isWriting || !isConnected {
            wanted.insert(.writable)
        } else if !flushIsDue, !wanted.contains(.writable) {
            flushIsDue = true
            Loop.atTurnEnd { [weak self] in self?.flush() }
        }
    }

    private func flush() {
        flushIsDue = false
        guard !wanted.contains(.writable) else { return }
        write()
        handOut()
    }

    private func handle(_ happened: FileWatch.Interest) {
        if happened.contains(.writable) { write() }
        if happened.contains(.readable) { read() }
        handOut(bytesCame: happened.contains(.readable))
    }

    private func write() {
        guard let context else { return }
        isWriting = true
        redisAsyncHandleWrite(context)
        isWriting = false
    }

    /// hiredis reads 16 KiB at a time: in the midst of a reply it is asked again at once.
    private func read() {
        for _ in 0..<RedisLimits.readsPerTurnMax {
            guard let context else { return }
            redisAsyncHandleRead(context)
            guard let still = self.context, tributary_is_mid_reply(still) != 0 else { return }
        }
    }

    /// After hiredis has returned: waits for what it wants, and tells of replies and of the end.
    private func handOut(bytesCame: Bool = false) {
        watch?.watch(for: wanted)
        if bytesCame { onReplies?(builder.takeFinished()) }
        guard context == nil, !endIsTold else { return }
        endIsTold = true
        onEnd?()
    }

    /// hiredis frees its context when this returns, and closes the socket.
    private func contextEnds() {
        guard let context else { return }
        failureText = Self.errorText(of: context)
        unsentBytesAtEnd = tributary_unsent_bytes(context)
        self.context = nil
        watch?.cancel()
        watch = nil
    }

    private static func errorText(of context: UnsafeMutablePointer<redisAsyncContext>) -> String {
        guard context.pointee.c.err != 0 else { return "closed" }
        return withUnsafeBytes(of: context.pointee.c.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// hiredis sets neither: the descriptor must not leak into children, and a peer that vanished must be noticed also
    /// while a blocking command gives us nothing to time.
    private static func prepare(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // They fail on a Unix socket, which needs none of them.
        for (level, option, value) in [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 5),
            (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 2),
            (Int32(IPPROTO_TCP), TCP_KEEPCNT, 3),
        ] as [(Int32, Int32, Int32)] {
            var value = value
            _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    isolated deinit { close() }
}
