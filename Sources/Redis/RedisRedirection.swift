/// Where a node of a Cluster sends a call on to: the rest of `MOVED 3999 127.0.0.1:6381`.
package struct RedisRedirection: Hashable, Sendable {
    /// 0 to 16,383.
    package let slot: Int
    /// Empty when the node knows no address for it: that of the node which answered.
    package let host: String
    package let port: Int

    package init(slot: Int, host: String, port: Int) {
        self.slot = slot
        self.host = host
        self.port = port
    }

    /// Nil for what has not this form. The address is cut off at the last colon, since an IPv6 one has some itself.
    init?(_ reply: String) {
        let words = reply.split(separator: " ")
        guard words.count >= 3, let slot = Int(words[1]), HashSlot.range.contains(slot),
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        self.slot = slot
        host = String(words[2][..<colon])
        self.port = port
    }

    /// Nil when its host is a name, which nobody here resolves.
    func endpoint(seenFrom endpoint: RedisConfiguration.Endpoint) -> RedisConfiguration.Endpoint? {
        endpoint.neighbour(host: host, port: port)
    }
}

extension RedisConfiguration.Endpoint {
    /// The address that a node gives of another one; an empty host is the node's own.
    func neighbour(host: String, port: Int) -> RedisConfiguration.Endpoint? {
        if host.isEmpty || host == "?" {
            guard case .tcp(let address, _) = self else { return nil }
            return .tcp(address: address, port: port)
        }
        return RedisConfiguration.isNumericAddress(host) ? .tcp(address: host, port: port) : nil
    }
}
