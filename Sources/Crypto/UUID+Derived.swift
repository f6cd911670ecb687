package import Core

extension UUID {
    /// Tributary's own name space. A new one would give every order, event and commission another identifier.
    package static let tributaryNamespace = UUID(high: 0x24B0_E2EC_D6CD_4F10, low: 0xAA13_CE64_FD09_AFD0)

    /// The identifier of what these parts name, the same each time: version 5 over ``tributaryNamespace`` and the
    /// parts as netstrings (`5:order,7:default,`: bytes of UTF-8, colon, part, comma), so that no two lists of parts
    /// are the same name. `("order", programme, source, order id)` is an order, for example.
    package static func derived(_ parts: String...) -> UUID {
        var name: [UInt8] = []
        name.reserveCapacity(parts.reduce(16) { $0 + $1.utf8.count + 5 })
        name.append(contentsOf: tributaryNamespace.bytes)
        for part in parts {
            name.append(contentsOf: String(part.utf8.count).utf8)
            name.append(UInt8(ascii: ":"))
            name.append(contentsOf: part.utf8)
            name.append(UInt8(ascii: ","))
        }
        return version5(hash: SHA1.digest(name))
    }

    /// A version 5 identifier (RFC 9562, section 5.5): SHA-1 over the name space and the name.
    package static func version5(namespace: UUID, name: [UInt8]) -> UUID {
        version5(hash: SHA1.digest(namespace.bytes + name))
    }

    /// Every event the ingest takes has three such identifiers, so nothing is copied here.
    private static func version5(hash: [UInt8]) -> UUID {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in 0..<8 {
            high = high << 8 | UInt64(hash[index])
            low = low << 8 | UInt64(hash[index + 8])
        }
        return UUID(high: high & ~0xF000 | 0x5000, low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
