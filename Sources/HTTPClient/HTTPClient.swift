import CCurl
package import EventLoop

/// Sends HTTP requests and mail by libcurl's multi interface on the event loop.
///
/// An attempt is one request and one answer: no redirect is followed, no proxy, cookie, netrc or stored credential used.
/// Connections are kept and used again. Names are resolved by us; every address is judged by the destination policy
/// before libcurl hears of it, again when its socket is opened, and again before the request is sent.
///
/// One client is one multi handle with one policy, so that a guarded transfer never finds an unguarded one's connection.
@Loop
package final class HTTPClient {
    let configuration: HTTPClientConfiguration
    private let multi: Multi
    private let resolver: NameResolver
    let mailPool = BlockingPool(threadsMax: mailThreadsMax)
    private var isClosed = false
    private var underWay = 0

    package init(_ configuration: HTTPClientConfiguration) {
        self.configuration = configuration
        multi = Multi(idleConnectionsMax: configuration.idleConnectionsMax)
        resolver = NameResolver(
            lookup: configuration.lookup, lifetime: configuration.nameLifetime,
            failureLifetime: configuration.nameFailureLifetime)
    }

    /// Attempts under way, those that wait for a name included.
    package var inFlight: Int { underWay }

    /// Ends all attempts with ``HTTPFailure/Kind/cancelled`` and closes all connections; nothing can be sent afterwards.
    package func close() {
        isClosed = true
        multi.close()
    }

    /// Makes one attempt. Ends by the request's time-out at the latest; cancelling the task does not end it sooner.
    package func perform(_ request: HTTPClientRequest) async -> HTTPClientResult {
        let start = Loop.monotonicNanoseconds
        var result = HTTPClientResult()
        do throws(HTTPFailure) {
            guard request.isWellFormed else { throw HTTPFailure(.invalid, "the method or a header cannot be sent") }
            let destination = try destination(request.url, schemes: ["https", "http"])
            result = try await attempt(destination, timeout: request.timeout) { addresses, remaining in
                let transfer = self.transfer(for: request, destination, addresses, remaining)
                return await self.multi.run(transfer) { HTTPClientResult(of: transfer, code: $0) }
            }
        } catch {
            result.failure = error
        }
        if isClosed, result.failure != nil { result.failure = HTTPFailure(.cancelled, "the client was closed") }
        result.timings.totalMicroseconds = Int((Loop.monotonicNanoseconds - start) / 1000)
        return result
    }

    // MARK: For every kind of transfer

    func destination(_ url: String, schemes: [String]) throws(HTTPFailure) -> Destination {
        guard let destination = Destination(url), schemes.contains(destination.scheme) else {
            throw HTTPFailure(.invalid, "the URL cannot be used")
        }
        if destination.scheme == "http", !configuration.destinationPolicy.allowsHTTP {
            throw HTTPFailure(.blocked, "http is not allowed")
        }
        return destination
    }

    /// Finds the addresses, counts the attempt, and leaves the rest of the time to `body`.
    func attempt<Outcome: Timed>(
        _ destination: Destination, timeout: Duration,
        _ body: @Loop ([IPAddress], Duration) async -> Outcome
    ) async throws(HTTPFailure) -> Outcome {
        guard !isClosed else { throw HTTPFailure(.cancelled, "the client was closed") }
        guard underWay < configuration.transfersMax else {
            throw HTTPFailure(.cancelled, "too many transfers at a time")
        }
        underWay += 1
        defer { underWay -= 1 }
        let start = Loop.monotonicNanoseconds
        let addresses = try await addresses(of: destination, within: timeout)
        guard configuration.destinationPolicy.allows(all: addresses) else {
            throw HTTPFailure(.blocked, "the address is not allowed")
        }
        let elapsed = Loop.monotonicNanoseconds - start
        guard !isClosed else { throw HTTPFailure(.cancelled, "the client was closed") }
        var outcome = await body(addresses, timeout - .nanoseconds(elapsed))
        if destination.address == nil { outcome.timings.dnsMicroseconds = Int(elapsed / 1000) }
        return outcome
    }

    private func addresses(of destination: Destination, within timeout: Duration) async throws(HTTPFailure)
        -> [IPAddress]
    {
        if let address = destination.address { return [address] }
        return try await resolver.resolve(destination.host, within: timeout).get()
    }

    // MARK: HTTP

    private func transfer(
        for request: HTTPClientRequest, _ destination: Destination, _ addresses: [IPAddress], _ remaining: Duration
    ) -> Transfer {
        let policy = configuration.destinationPolicy
        let limits = Transfer.Limits(
            headerBytesMax: request.headerBytesMax, keptBytesMax: request.keptBytesMax,
            readBytesMax: request.readBytesMax)
        let transfer = Transfer(
            easy: multi.takeHandle(), policy: policy, limits: limits, mayResolve: destination.address != nil)
        transfer.prepare(
            url: destination.url, protocols: policy.allowsHTTP ? "https,http" : "https", timeout: remaining,
            connectTimeout: request.connectTimeout)
        let easy = transfer.easy
        easy.pin(destination, to: addresses)
        easy.set(CURLOPT_MAXLIFETIME_CONN, Int(configuration.connectionLifetime.components.seconds))
        easy.set(CURLOPT_MAXAGE_CONN, Int(configuration.connectionIdleMax.components.seconds))
        easy.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        easy.set(CURLOPT_USERAGENT, configuration.userAgent)
        if let file = request.certificateAuthorityFile { easy.set(CURLOPT_CAINFO, file) }
        Self.setMethodAndBody(of: easy, request)
        easy.set(CURLOPT_HTTPHEADER, Self.headerLines(of: request))
        return transfer
    }

    private static func setMethodAndBody(of easy: EasyHandle, _ request: HTTPClientRequest) {
        switch request.method {
        case "GET": easy.set(CURLOPT_HTTPGET, 1)
        case "HEAD": easy.set(CURLOPT_NOBODY, 1)
        case "POST": easy.setBody(request.body)
        default:
            if !request.body.isEmpty || request.method != "DELETE" { easy.setBody(request.body) }
            easy.set(CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    /// In libcurl's notation, where `name:` takes away what it would add, and `name;` is a field without value.
    private static func headerLines(of request: HTTPClientRequest) -> [String] {
        var lines = ["Expect:"]
        if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) { lines.append("Content-Type:") }
        for (name, value) in request.headers { lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)") }
        return lines
    }
}

/// What an attempt of any kind comes to.
protocol Timed: Sendable {
    var timings: HTTPClientResult.Timings { get set }
}
