import Glibc

/// A CIDR of IPv4 or IPv6 addresses, such as `10.0.0.0/8`; an address alone is a range of one.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes in network order; those beyond the prefix are zero.
    package let network: [UInt8]
    /// Bits that count: 0 to 32, or 0 to 128.
    package let prefixLength: Int

    /// Nil for what is no CIDR, and for one with bits set beyond its prefix, which is most often a slip.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let network = Self.bytes(ofAddress: String(parts[0])) else { return nil }
        var prefixLength = network.count * 8
        if parts.count == 2 {
            guard let length = Int(parts[1]), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
                length <= prefixLength
            else { return nil }
            prefixLength = length
        }
        self.network = network
        self.prefixLength = prefixLength
        guard Self.masked(network, prefixLength) == network else { return nil }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(network.count == 4 ? AF_INET : AF_INET6, network, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) + "/\(prefixLength)"
    }

    /// Whether a numeric address lies in the range. An IPv4-mapped IPv6 address counts as the IPv4 address it carries.
    package func contains(_ address: String) -> Bool {
        guard var bytes = Self.bytes(ofAddress: address) else { return false }
        if bytes.count == 16, network.count == 4, bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] {
            bytes = Array(bytes.suffix(4))
        }
        return bytes.count == network.count && Self.masked(bytes, prefixLength) == network
    }

    /// The bytes of a numeric address, nil for anything else.
    package static func bytes(ofAddress text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }

    private static func masked(_ bytes: [UInt8], _ length: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let bits = min(8, max(0, length - index * 8))
            return bits == 0 ? 0 : byte & (0xFF << UInt8(8 - bits))
        }
    }
}
