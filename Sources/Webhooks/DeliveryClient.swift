package import HTTPClient

/// The guarded client of deliveries. In a file of its own, since Fleet has an `AddressRange` too.
package enum DeliveryClient {
    /// - Parameters:
    ///   - allowed: CIDRs that are allowed beside public addresses; what the client cannot read is not allowed.
    ///   - window: requests in flight.
    package static func configuration(
        allowing allowed: [String], allowsHTTP: Bool, window: Int
    ) -> HTTPClientConfiguration {
        let policy = DestinationPolicy(allowing: allowed.compactMap { AddressRange($0) }, allowsHTTP: allowsHTTP)
        var configuration = HTTPClientConfiguration(destinationPolicy: policy)
        configuration.transfersMax = max(window, configuration.transfersMax)
        // libcurl counts those in use too, and closes the oldest idle one when there are more.
        configuration.idleConnectionsMax = max(2 * window, configuration.idleConnectionsMax)
        return configuration
    }
}
