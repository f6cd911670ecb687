/// Which addresses a client may connect to. Pure.
///
/// A partner names the URL we call: without this, a webhook would be a way to talk to our own network. It judges addresses,
/// never a URL's text, since a name may stand for anything and libcurl reads many spellings of an address.
package struct DestinationPolicy: Sendable {
    /// Addresses allowed although they would be denied, such as loopback in tests.
    package let allowed: [AddressRange]
    /// Whether `http` is allowed beside `https`.
    package let allowsHTTP: Bool
    private let isUnrestricted: Bool

    /// Public addresses and those allowed; `https` only unless said otherwise.
    package init(allowing allowed: [AddressRange] = [], allowsHTTP: Bool = false) {
        self.allowed = allowed
        self.allowsHTTP = allowsHTTP
        isUnrestricted = false
    }

    private init(unrestricted: Void) {
        allowed = []
        allowsHTTP = true
        isUnrestricted = true
    }

    /// For destinations that the operator configured, such as the mail relay; never for one that a partner gave.
    package static let unrestricted = DestinationPolicy(unrestricted: ())

    package func allows(_ address: IPAddress) -> Bool {
        if isUnrestricted { return true }
        // `::ffff:10.0.0.1` reaches 10.0.0.1.
        if let v4 = address.mappedV4 { return allows(v4) }
        // NAT64 reaches an IPv4 address too: refused unless configured, and then judged by what it reaches.
        if Self.nat64.contains(address) {
            return allowed.contains { $0.contains(address) }
                && allows(IPAddress(v4: UInt32(truncatingIfNeeded: address.bits)))
        }
        if allowed.contains(where: { $0.contains(address) }) { return true }
        return switch address.family {
        case .v4: !Self.deniedV4.contains { $0.contains(address) }
        case .v6: Self.globalV6.contains(address) && !Self.deniedV6.contains { $0.contains(address) }
        }
    }

    /// All of a name's addresses, or none: one forbidden address refuses the host, lest the choice be the attacker's.
    package func allows(all addresses: [IPAddress]) -> Bool { addresses.allSatisfy(allows) }

    private static let nat64 = AddressRange(known: "64:ff9b::/96")
    private static let globalV6 = AddressRange(known: "2000::/3")

    /// The IANA registry of special addresses, without what is global.
    private static let deniedV4: [AddressRange] = [
        AddressRange(known: "0.0.0.0/8"), AddressRange(known: "10.0.0.0/8"), AddressRange(known: "100.64.0.0/10"),
        AddressRange(known: "127.0.0.0/8"), AddressRange(known: "169.254.0.0/16"), AddressRange(known: "172.16.0.0/12"),
        AddressRange(known: "192.0.0.0/24"), AddressRange(known: "192.0.2.0/24"), AddressRange(known: "192.88.99.0/24"),
        AddressRange(known: "192.168.0.0/16"), AddressRange(known: "198.18.0.0/15"),
        AddressRange(known: "198.51.100.0/24"),
        AddressRange(known: "203.0.113.0/24"), AddressRange(known: "224.0.0.0/4"), AddressRange(known: "240.0.0.0/4"),
    ]

    /// Inside 2000::/3, what is special: protocol assignments and Teredo, documentation, 6to4, documentation again.
    private static let deniedV6: [AddressRange] = [
        AddressRange(known: "2001::/23"), AddressRange(known: "2001:db8::/32"), AddressRange(known: "2002::/16"),
        AddressRange(known: "3fff::/20"),
    ]
}
