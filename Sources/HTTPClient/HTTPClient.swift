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
    private let transfers: TransferPool
    /// URLs that have been read before. A URL never comes to mean another host or address: names are resolved each time.
    private var destinations: [String: Destination] = [:]
    private let resolver: NameResolver
    let mailPool = BlockingPool(threadsMax: mailThreadsMax)
    private var isClosed = false
    private var underWay = 0

    private static let destinationsMax = 1000

    package init(_ configuration: HTTPClientConfiguration) {
        self.configuration = configuration
        multi = Multi(idleConnectionsMax: configuration.idleConnectionsMax)
        transfers = TransferPool(configuration)
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
        transfers.empty()
    }

    /// Makes one attempt. Ends by the request's time-out at the latest; cancelling the task does not end it sooner.
    package func perform(_ request: HTTPClientRequest) async -> HTTPClientResult {
        let start = Loop.monotonicNanoseconds
        var result = HTTPClientResult()
        do throws(HTTPFailure) {
            guard request.isWellFormed else { throw HTTPFailure(.invalid, "the method or a header cannot be sent") }
            let destination = try destination(request.url, schemes: Self.schemes)
            try begin()
            defer { underWay -= 1 }
            let addresses = try await allowedAddresses(of: destination, within: request.timeout)
            let asked = destination.address == nil ? Loop.monotonicNanoseconds - start : 0
            guard !isClosed else { throw HTTPFailure(.cancelled, "the client was closed") }
            let transfer = transfers.take(for: request, to: destination)
            transfer.begin(
                request.limits, timeout: request.timeout - .nanoseconds(asked), connectTimeout: request.connectTimeout)
            transfer.easy.pin(destination, to: addresses)
            transfer.send(request)
            let code = await multi.run(transfer)
            result = HTTPClientResult(of: transfer, code: code)
            result.timings.dnsMicroseconds = Int(asked / 1000)
            if !isClosed { transfers.giveBack(transfer) }
        } catch {
            result.failure = error
        }
        if isClosed, result.failure != nil { result.failure = HTTPFailure(.cancelled, "the client was closed") }
        result.timings.totalMicroseconds = Int((Loop.monotonicNanoseconds - start) / 1000)
        return result
    }

    private static let schemes = ["https", "http"]

    // MARK: For every kind of transfer

    func destination(_ url: String, schemes: [String]) throws(HTTPFailure) -> Destination {
        guard let destination = destinations[url] ?? learn(url), schemes.contains(destination.scheme) else {
            throw HTTPFailure(.invalid, "the URL cannot be used")
        }
        if destination.scheme == "http", !configuration.destinationPolicy.allowsHTTP {
            throw HTTPFailure(.blocked, "http is not allowed")
        }
        return destination
    }

    private func learn(_ url: String) -> Destination? {
        guard let destination = Destination(url) else { return nil }
        if destinations.count >= Self.destinationsMax { destinations = [:] }
        destinations[url] = destination
        return destination
    }

    /// Finds the addresses, counts the attempt, and leaves the rest of the time to `body`.
    func attempt<Outcome: Timed>(
        _ destination: Destination, timeout: Duration,
        _ body: @Loop ([IPAddress], Duration) async -> Outcome
    ) async throws(HTTPFailure) -> Outcome {
        try begin()
        defer { underWay -= 1 }
        let start = Loop.monotonicNanoseconds
        let addresses = try await allowedAddresses(of: destination, within: timeout)
        let elapsed = Loop.monotonicNanoseconds - start
        guard !isClosed else { throw HTTPFailure(.cancelled, "the client was closed") }
        var outcome = await body(addresses, timeout - .nanoseconds(elapsed))
        if destination.address == nil { outcome.timings.dnsMicroseconds = Int(elapsed / 1000) }
        return outcome
    }

    /// Counts an attempt; whoever has begun it takes one from `underWay` at its end.
    private func begin() throws(HTTPFailure) {
        guard !isClosed else { throw HTTPFailure(.cancelled, "the client was closed") }
        guard underWay < configuration.transfersMax else {
            throw HTTPFailure(.cancelled, "too many transfers at a time")
        }
        underWay += 1
    }

    private func allowedAddresses(of destination: Destination, within timeout: Duration) async throws(HTTPFailure)
        -> [IPAddress]
    {
        let addresses: [IPAddress] =
            if let address = destination.address {
                [address]
            } else {
                try await resolver.resolve(destination.host, within: timeout).get()
            }
        guard configuration.destinationPolicy.allows(all: addresses) else {
            throw HTTPFailure(.blocked, "the address is not allowed")
        }
        return addresses
    }
}

/// What an attempt of any kind comes to.
protocol Timed: Sendable {
    var timings: HTTPClientResult.Timings { get set }
}
