import CCurl
import EventLoop

/// One transfer under way: the face that libcurl's callbacks see.
///
/// It is held by the client from start to end, so the unretained pointer that libcurl has of it is good all that time. After
/// the end the easy handle is reset, which forgets the pointer.
@Loop
final class Transfer {
    let easy: EasyHandle
    private let policy: DestinationPolicy
    private let limits: Limits
    private let mayResolve: Bool
    private(set) var received = Received()
    private(set) var progress = HTTPFailure.Progress.connecting
    private(set) var isBlocked = false
    var continuation: CheckedContinuation<CURLcode, Never>?

    struct Limits {
        var headerBytesMax = 32 * 1024
        var keptBytesMax = 0
        var readBytesMax = 64 * 1024
    }

    struct Received {
        /// Of the last answer; interim ones are forgotten when the next begins.
        var header: [UInt8] = []
        var headerCount = 0
        var isHeaderTooLarge = false
        var body: [UInt8] = []
        var bodyCount = 0
        var isBodyCut = false
    }

    /// - Parameter mayResolve: whether libcurl may "resolve" the host, which is an address already.
    init(easy: UnsafeMutableRawPointer, policy: DestinationPolicy, limits: Limits, mayResolve: Bool) {
        self.easy = EasyHandle(easy)
        self.policy = policy
        self.limits = limits
        self.mayResolve = mayResolve
    }

    /// The options of every HTTP transfer that do not depend on the request.
    func prepare(url: String, protocols: String, timeout: Duration, connectTimeout: Duration) {
        easy.prepare(url: url, protocols: protocols, timeout: timeout, connectTimeout: connectTimeout)
        installCallbacks()
    }

    private func installCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        easy.check(
            tributary_curl_on_header(
                easy.pointer,
                { bytes, size, count, context in
                    var taken = 0
                    Loop.entering(context, as: Transfer.self) { taken = $0.headerCame(bytes, size * count) }
                    return taken
                }, context))
        easy.check(
            tributary_curl_on_body(
                easy.pointer,
                { bytes, size, count, context in
                    var taken = 0
                    Loop.entering(context, as: Transfer.self) { taken = $0.bodyCame(bytes, size * count) }
                    return taken
                }, context))
        easy.check(
            tributary_curl_on_open_socket(
                easy.pointer,
                { context, _, address in
                    var descriptor: Int32 = -1
                    Loop.entering(context, as: Transfer.self) { descriptor = $0.openSocket(address) }
                    return descriptor
                }, context))
        easy.check(
            tributary_curl_on_request(
                easy.pointer,
                { context, remoteAddress, _, _, _ in
                    var verdict = CURL_PREREQFUNC_ABORT
                    Loop.entering(context, as: Transfer.self) { verdict = $0.requestIsDue(remoteAddress) }
                    return verdict
                }, context))
        easy.check(
            tributary_curl_on_resolve(
                easy.pointer,
                { _, _, context in
                    var verdict: Int32 = 1
                    Loop.entering(context, as: Transfer.self) { verdict = $0.mayResolve ? 0 : 1 }
                    return verdict
                }, context))
    }

    // MARK: Callbacks; taking fewer bytes than offered ends the transfer.

    private func headerCame(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
        progress = .answering
        received.headerCount += count
        guard received.headerCount <= limits.headerBytesMax else {
            received.isHeaderTooLarge = true
            return 0
        }
        let line = UnsafeRawBufferPointer(start: bytes, count: count)
        if line.starts(with: "HTTP/".utf8) { received.header.removeAll(keepingCapacity: true) }
        received.header.append(contentsOf: line)
        return count
    }

    private func bodyCame(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
        progress = .answering
        let room = limits.keptBytesMax - received.body.count
        if room > 0 { received.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: min(room, count))) }
        received.bodyCount += count
        guard received.bodyCount <= limits.readBytesMax else {
            received.isBodyCut = true
            return 0
        }
        return count
    }

    /// The guard's second look: the very address that will be connected to.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> Int32 {
        guard let descriptor = EasyHandle.openSocket(address, allowedBy: policy) else {
            isBlocked = true
            return -1
        }
        return descriptor
    }

    /// The guard's third look, which also sees connections of earlier transfers.
    private func requestIsDue(_ remoteAddress: UnsafeMutablePointer<CChar>?) -> Int32 {
        guard let remoteAddress, let address = IPAddress(String(cString: remoteAddress)), policy.allows(address) else {
            isBlocked = true
            return CURL_PREREQFUNC_ABORT
        }
        progress = .waiting
        return CURL_PREREQFUNC_OK
    }
}
