package import Core

extension UUID {
    /// Tributary's own name space. A new one would give every order, event and commission another identifier.
    package static let tributaryNamespace = UUID(high: 0x24B0_E2EC_D6CD_4F10, low: 0xAA13_CE64_FD09_AFD0)

    /// The identifier of what these parts name, the same each time: version 5 over ``tributaryNamespace`` and the
    /// parts as netstrings (`5:order,7:default,`: bytes of UTF-8, colon, part, comma), so that no two lists of parts
    /// are the same name. `("order", programme, source, order id)` is an order, for example.
    package static func derived(_ parts: String...) -> UUID {
        var name: [UInt8] = []
        for part in parts {
            name.append(contentsOf: String(part.utf8.count).utf8)
            name.append(UInt8(ascii: ":"))
            name.append(contentsOf: part.utf8)
            name.append(UInt8(ascii: ","))
        }
        return version5(namespace: tributaryNamespace, name: name)
    }

    /// A version 5 identifier (RFC 9562, section 5.5): SHA-1 over the name space and the name.
    package static func version5(namespace: UUID, name: [UInt8]) -> UUID {
        guard let hash = UUID(bytes: SHA1.digest(namespace.bytes + name).prefix(16)) else {
            preconditionFailure("SHA-1 has 20 bytes")
        }
        return UUID(
            high: hash.high & ~0xF000 | 0x5000,
            low: hash.low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
