/// A block of addresses, as in `10.0.0.0/8` or `2001:db8::/32`.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let network: IPAddress
    private let prefixLength: Int

    /// `nil` unless it is an address (alone: a block of one) and a prefix length that fits it. Bits beyond the prefix must be
    /// zero, so that a slip of the pen is seen.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let width = address.family == .v4 ? 32 : 128
        network = address
        guard parts.count == 2 else {
            prefixLength = width
            return
        }
        guard let length = Int(parts[1]), (0...width).contains(length), !parts[1].hasPrefix("+") else { return nil }
        prefixLength = length
        guard address.bits & Self.hostMask(width - length) == 0 else { return nil }
    }

    /// For the tables in the source.
    init(known text: StaticString) {
        guard let range = AddressRange("\(text)") else { preconditionFailure("\(text) is no address range") }
        self = range
    }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.family == network.family else { return false }
        let width = address.family == .v4 ? 32 : 128
        return (address.bits ^ network.bits) & ~Self.hostMask(width - prefixLength) == 0
    }

    private static func hostMask(_ hostBits: Int) -> UInt128 { hostBits == 128 ? .max : (1 << UInt128(hostBits)) - 1 }

    package var description: String { "\(network)/\(prefixLength)" }
}
