extension RedisConfiguration {
    /// How many Redis there are, and who says where the master is.
    package enum Topology: Hashable, Sendable {
        /// One server, at ``RedisConfiguration/endpoint``.
        case single
        /// A master with replicas; sentinels know which of them is the master.
        case sentinel(master: String, sentinels: [Endpoint])
        /// A Redis Cluster, of which these nodes are asked first.
        case cluster(seeds: [Endpoint])
    }

    /// A master that sentinels know by a name.
    ///
    /// - Parameters:
    ///   - sentinels: 1 to 16 of them, numeric addresses.
    ///   - master: the name in their configuration (`sentinel monitor <name> …`).
    /// - Throws: ``RedisError`` of kind `configuration`.
    package init(sentinels: [(host: String, port: Int)], master: String) throws(RedisError) {
        let endpoints = try Self.endpoints(sentinels)
        guard !master.isEmpty, master.utf8.count <= RedisLimits.masterNameBytesMax,
            master.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw RedisError(.configuration, "the master's name must be 1 to 128 letters, without spaces") }
        self.init(endpoints[0], .sentinel(master: master, sentinels: endpoints))
    }

    /// A Redis Cluster; the nodes must announce numeric addresses, as they do by default.
    ///
    /// - Parameter seeds: 1 to 16 of its nodes, masters or replicas; the others are learned from them.
    /// - Throws: ``RedisError`` of kind `configuration`.
    package init(clusterSeeds seeds: [(host: String, port: Int)]) throws(RedisError) {
        let endpoints = try Self.endpoints(seeds)
        self.init(endpoints[0], .cluster(seeds: endpoints))
    }

    package var isCluster: Bool { if case .cluster = topology { true } else { false } }

    private static func endpoints(_ hosts: [(host: String, port: Int)]) throws(RedisError) -> [Endpoint] {
        guard (1...RedisLimits.seedsMax).contains(hosts.count) else {
            throw RedisError(.configuration, "1 to \(RedisLimits.seedsMax) addresses must be given")
        }
        var endpoints: [Endpoint] = []
        for (host, port) in hosts { endpoints.append(try RedisConfiguration(host: host, port: port).endpoint) }
        return endpoints
    }
}
