import CCurl
import EventLoop

/// A transfer: the face that libcurl's callbacks see, and the easy handle that it owns.
///
/// It is held by its multi from start to end, so the unretained pointer that libcurl has of it is good all that time. Whoever
/// uses it again for the same destination finds most of its options set; see ``HTTPClient``.
@Loop
final class Transfer {
    /// What the options that stay from attempt to attempt depend on.
    struct Kind: Hashable {
        let method: String
        let url: String
        let certificateAuthorityFile: String?
    }

    let kind: Kind
    let easy: EasyHandle
    private let memory = RequestMemory()
    private let policy: DestinationPolicy
    private let mayResolve: Bool
    private var limits = Limits()
    private(set) var received = Received()
    private(set) var progress = HTTPFailure.Progress.connecting
    private(set) var isBlocked = false
    // Unchecked, since the multi resumes it exactly once: when it takes the transfer out of those that run.
    var continuation: UnsafeContinuation<CURLcode, Never>?

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
    init(_ kind: Kind, policy: DestinationPolicy, mayResolve: Bool) {
        guard let easy = curl_easy_init() else { outOfMemory() }
        self.kind = kind
        self.easy = EasyHandle(easy)
        self.policy = policy
        self.mayResolve = mayResolve
    }

    isolated deinit { curl_easy_cleanup(easy.pointer) }

    /// The options of every HTTP transfer to this URL, whatever the request.
    func prepare(protocols: String) {
        easy.prepare(url: kind.url, protocols: protocols)
        installCallbacks()
    }

    /// Forgets what came of the attempt before.
    func begin(_ limits: Limits, timeout: Duration, connectTimeout: Duration) {
        self.limits = limits
        received = Received()
        progress = .connecting
        isBlocked = false
        easy.setTimeouts(timeout, connect: connectTimeout)
    }

    /// Sets header, method and body.
    func send(_ request: HTTPClientRequest) {
        switch kind.method {
        case "POST": setBody(request.body)
        case "GET": easy.set(CURLOPT_HTTPGET, 1)
        case "HEAD": easy.set(CURLOPT_NOBODY, 1)
        default:
            if !request.body.isEmpty || kind.method != "DELETE" { setBody(request.body) }
            easy.set(CURLOPT_CUSTOMREQUEST, kind.method)
        }
        easy.setHeader(memory.list(request.headers))
    }

    private func setBody(_ body: [UInt8]) { easy.setBody(memory.copyBody(body), count: body.count) }

    /// What has come, taken out of here.
    func takeReceived() -> Received {
        defer { received = Received() }
        return received
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
        if received.header.isEmpty { received.header.reserveCapacity(512) }
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
        guard let remoteAddress, let address = IPAddress(text: remoteAddress), policy.allows(address) else {
            isBlocked = true
            return CURL_PREREQFUNC_ABORT
        }
        progress = .waiting
        return CURL_PREREQFUNC_OK
    }
}
