import Glibc

/// Asks a starting server whether it answers yet, by connecting to it.
struct ServerProbe {
    let name: String
    let port: Int
    let request: [UInt8]
    /// First bytes of the answer of a server that is ready.
    let answerPrefix: [UInt8]
    let logPath: String

    /// How long a server may take to come up; a loaded machine is slow, a broken server ends by itself.
    static let deadline: Duration = .seconds(60)

    /// Blocks until the server answers; throws with the end of its log when it dies or takes too long.
    func waitUntilReady(_ process: TestProcess) throws {
        let limit = ContinuousClock.now + Self.deadline
        // A server writes to its log when it becomes ready, and dies when it cannot: there is something to see each time.
        let log = try OwnedDescriptor(growthOf: logPath)
        guard let end = OwnedDescriptor(endOf: process.pid) else { throw TestSupportError("\(name) ended at once") }
        repeat {
            log.drain()
            if answers(until: limit) { return }
            guard process.isRunning else { throw TestSupportError("\(name) ended while starting: \(logEnd)") }
            waitUntilReadable([log.number, end.number], until: limit)
        } while ContinuousClock.now < limit
        throw TestSupportError("\(name) was not ready within \(Self.deadline): \(logEnd)")
    }

    private var logEnd: String { String(decoding: (readFile(logPath) ?? []).suffix(2000), as: UTF8.self) }

    private func answers(until limit: ContinuousClock.Instant) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let left = max(1, ContinuousClock.now.duration(to: limit).components.seconds)
        var timeout = timeval(tv_sec: Int(left), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        guard withLoopbackAddress(port, { connect(descriptor, $0, $1) }) == 0 else { return false }
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return false }
        var answer = [UInt8](repeating: 0, count: 64)
        let count = recv(descriptor, &answer, answer.count, 0)
        return count > 0 && answer[..<count].starts(with: answerPrefix)
    }
}
