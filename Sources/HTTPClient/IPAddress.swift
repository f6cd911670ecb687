import Glibc

/// A numeric IPv4 or IPv6 address, without port or zone.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package enum Family: Sendable { case v4, v6 }

    package let family: Family
    /// The address as a number; an IPv4 address in the lowest 32 bits.
    let bits: UInt128

    private init(family: Family, bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    package init(v4 bits: UInt32) { self.init(family: .v4, bits: UInt128(bits)) }
    package init(v6 bits: UInt128) { self.init(family: .v6, bits: bits) }

    /// Reads the usual forms and no other: no octal, hexadecimal or shortened IPv4, no zone.
    package init?(_ text: String) {
        guard let address = text.withCString({ IPAddress(text: $0) }) else { return nil }
        self = address
    }

    /// The same of C's text.
    init?(text: UnsafePointer<CChar>) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(v4)
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(v6)
        } else {
            return nil
        }
    }

    /// Of `AF_INET` or `AF_INET6`; `nil` for every other family.
    init?(_ address: UnsafePointer<sockaddr>) {
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            self.init(UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr)
        case AF_INET6:
            self.init(UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self).sin6_addr)
        default: return nil
        }
    }

    private init(_ address: in_addr) { self.init(v4: UInt32(bigEndian: address.s_addr)) }

    private init(_ address: in6_addr) {
        self.init(v6: withUnsafeBytes(of: address) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } })
    }

    /// The IPv4 address that this IPv6 address (`::ffff:a.b.c.d`) stands for.
    var mappedV4: IPAddress? {
        guard family == .v6, bits >> 32 == 0xffff else { return nil }
        return IPAddress(v4: UInt32(truncatingIfNeeded: bits))
    }

    package var description: String {
        String(unsafeUninitializedCapacity: Int(INET6_ADDRSTRLEN)) { text in
            let space = UnsafeMutableRawPointer(text.baseAddress!).assumingMemoryBound(to: CChar.self)
            switch family {
            case .v4:
                var address = in_addr(s_addr: UInt32(bits).bigEndian)
                inet_ntop(AF_INET, &address, space, socklen_t(text.count))
            case .v6:
                var address = bits.bigEndian
                inet_ntop(AF_INET6, &address, space, socklen_t(text.count))
            }
            return strlen(space)
        }
    }
}
