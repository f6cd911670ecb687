import Glibc

/// Looks a host's name up, once, at the start: the loop itself never waits for a name.
package enum HostResolver {
    /// The numeric address of a name; a numeric address is its own. The first of several answers, IPv4 before IPv6. Blocks.
    package static func address(of host: String) -> String? {
        if AddressRange.bytes(ofAddress: host) != nil { return host }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &found) == 0 else { return nil }
        defer { freeaddrinfo(found) }
        let answers = sequence(first: found, next: { $0?.pointee.ai_next }).compactMap(\.self)
        let best = answers.first { $0.pointee.ai_family == AF_INET } ?? answers.first
        guard let best else { return nil }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = getnameinfo(
            best.pointee.ai_addr, best.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        guard result == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
