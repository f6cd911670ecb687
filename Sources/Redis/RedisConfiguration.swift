import Glibc

/// Where Redis is and how long to wait for it.
package struct RedisConfiguration: Sendable {
    package enum Endpoint: Hashable, Sendable {
        /// A numeric IPv4 or IPv6 address: names are refused, since resolving one would block the loop.
        case tcp(address: String, port: Int)
        /// A Unix socket's path, at most 107 bytes.
        case unix(path: String)
    }

    /// The server's; with sentinels or a Cluster the first one that is asked.
    package private(set) var endpoint: Endpoint
    package private(set) var topology: Topology
    /// Sent to sentinels by AUTH when present; they do not take ``password``.
    package var sentinelPassword: String?
    /// Sent by AUTH before anything else when present.
    package var password: String?
    /// SELECT at each connect unless 0.
    package var database = 0
    /// Prefix of the name in `CLIENT LIST`; the connection's purpose follows.
    package var clientName = "tributary"
    /// For connecting and the first commands (AUTH, SELECT, INFO) together.
    package var connectTimeout: Duration = .seconds(2)
    /// How long Redis may be silent while it owes a reply; then the connection is replaced.
    package var replyTimeout: Duration = .seconds(5)
    /// A PING goes out after so long without any reply.
    package var idlePing: Duration = .seconds(5)
    /// The wait before the n-th attempt to reconnect is random between zero and the smaller of this times 2ⁿ and
    /// ``reconnectWaitMax`` (full jitter).
    package var reconnectWaitBase: Duration = .milliseconds(50)
    package var reconnectWaitMax: Duration = .seconds(2)

    /// 127.0.0.1, port 6379.
    package static let loopback = RedisConfiguration(.tcp(address: "127.0.0.1", port: 6379))

    init(_ endpoint: Endpoint, _ topology: Topology = .single) {
        self.endpoint = endpoint
        self.topology = topology
    }

    /// The same, for one node of several.
    func at(_ endpoint: Endpoint) -> RedisConfiguration {
        var node = self
        node.endpoint = endpoint
        node.topology = .single
        // Sentinels alone are told theirs.
        node.sentinelPassword = nil
        return node
    }

    /// - Parameters:
    ///   - host: numeric, `127.0.0.1` by default; `localhost` is taken as that too.
    ///   - port: 1...65535, 6379 by default.
    /// - Throws: ``RedisError`` of kind `configuration` for a name or a port out of range.
    package init(host: String = "127.0.0.1", port: Int = 6379) throws(RedisError) {
        let address = host == "localhost" ? "127.0.0.1" : host
        guard Self.isNumericAddress(address) else {
            throw RedisError(.configuration, "Redis host must be a numeric IPv4 or IPv6 address, not \"\(host)\"")
        }
        guard (1...65_535).contains(port) else {
            throw RedisError(.configuration, "Redis port must be 1...65535, not \(port)")
        }
        self.init(.tcp(address: address, port: port))
    }

    /// - Throws: ``RedisError`` of kind `configuration` when the path is empty or too long for a socket's address.
    package init(socketPath: String) throws(RedisError) {
        guard (1...RedisLimits.socketPathBytesMax).contains(socketPath.utf8.count) else {
            throw RedisError(
                .configuration, "Redis socket path must have 1...\(RedisLimits.socketPathBytesMax) bytes")
        }
        self.init(.unix(path: socketPath))
    }

    static func isNumericAddress(_ text: String) -> Bool {
        var room = in6_addr()
        return inet_pton(AF_INET, text, &room) == 1 || inet_pton(AF_INET6, text, &room) == 1
    }
}

extension RedisConfiguration: CustomStringConvertible {
    /// For logs: the password shows as `***`.
    package var description: String {
        let secret = password == nil ? "" : ":***@"
        return switch topology {
        case .sentinel(let master, let sentinels):
            "redis+sentinel://\(secret)\(sentinels.map(\.description).joined(separator: ","))/\(master)/\(database)"
        case .cluster(let seeds):
            "redis+cluster://\(secret)\(seeds.map(\.description).joined(separator: ","))"
        case .single:
            switch endpoint {
            case .tcp: "redis://\(secret)\(endpoint)/\(database)"
            case .unix(let path): "unix://\(secret)\(path)?db=\(database)"
            }
        }
    }
}

extension RedisConfiguration.Endpoint: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tcp(let address, let port): "\(address.contains(":") ? "[\(address)]" : address):\(port)"
        case .unix(let path): path
        }
    }
}
