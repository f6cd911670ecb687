import Glibc

/// Asks for the addresses of a name, and may take its time.
package struct NameLookup: Sendable {
    /// Blocks; runs on a thread of the resolver's own. Empty when there are none.
    let addresses: @Sendable (String) -> [IPAddress]

    package init(_ addresses: @escaping @Sendable (String) -> [IPAddress]) { self.addresses = addresses }

    /// `getaddrinfo`: hosts file, DNS, and whatever the system is configured for.
    package static let system = NameLookup { name in
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = entry.ai_addr.flatMap({ IPAddress($0) }), !found.contains(address) {
                found.append(address)
            }
            next = entry.ai_next
        }
        return found
    }
}
