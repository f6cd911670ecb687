import Crypto
package import Fleet
import Glibc
package import HTTPServer

/// Whose request it is, and what may be kept of their address.
package struct ClientAddress: Hashable, Sendable {
    /// 4 or 16 bytes in network order; an IPv4-mapped IPv6 address is the IPv4 address it carries.
    private var bytes: [UInt8]

    /// A numeric address; nil for anything else.
    package init?(_ text: some StringProtocol) {
        guard var bytes = AddressRange.bytes(ofAddress: String(text)) else { return nil }
        if bytes.count == 16, bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] {
            bytes = Array(bytes.suffix(4))
        }
        self.bytes = bytes
    }

    /// The client behind `peer`.
    ///
    /// Headers count only when the peer is a trusted proxy. Then they are read from the nearest hop outwards, and the first
    /// address that is not a trusted proxy is the client. `X-Forwarded-For` is taken where both headers stand, since a
    /// proxy that writes one commonly passes the other on as the client sent it.
    package init?(peer: String, headers: HTTPHeaders, trusted: [AddressRange]) {
        guard let nearest = ClientAddress(peer) else { return nil }
        self = nearest
        guard !trusted.isEmpty, nearest.isTrusted(trusted) else { return }
        var hops = headers.values(of: "X-Forwarded-For").flatMap { $0.split(separator: ",") }.map {
            Self.address(ofNode: $0.trimmed)
        }
        if hops.isEmpty { hops = headers.values(of: "Forwarded").flatMap(Self.forwarded) }
        for hop in hops.reversed() {
            // An unknown or hidden hop ends what can be known: the last proxy before it stands for its clients.
            guard let hop else { return }
            self = hop
            if !hop.isTrusted(trusted) { return }
        }
    }

    private func isTrusted(_ ranges: [AddressRange]) -> Bool {
        let text = numeric
        return ranges.contains { $0.contains(text) }
    }

    private var numeric: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }

    // MARK: Headers

    /// The `for` of each element of a `Forwarded` header (RFC 7239), nil for one that names no address.
    private static func forwarded(_ value: String) -> [ClientAddress?] {
        value.split(separator: ",").map { element in
            for pair in element.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, parts[0].trimmed.lowercased() == "for" else { continue }
                var node = parts[1].trimmed
                if node.hasPrefix("\""), node.hasSuffix("\""), node.count >= 2 { node = node.dropFirst().dropLast() }
                return address(ofNode: node)
            }
            return nil
        }
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
    private static func address(ofNode node: Substring) -> ClientAddress? {
        if node.hasPrefix("[") {
            guard let end = node.firstIndex(of: "]") else { return nil }
            return ClientAddress(node[node.index(after: node.startIndex)..<end])
        }
        if let address = ClientAddress(node) { return address }
        guard let colon = node.lastIndex(of: ":") else { return nil }
        return ClientAddress(node[..<colon])
    }

    // MARK: Privacy

    /// What is stored: IPv4 without its last octet, IPv6 cut to /48.
    package var anonymised: String {
        var cut = bytes
        for index in (bytes.count == 4 ? 3 : 6)..<bytes.count { cut[index] = 0 }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(cut.count == 4 ? AF_INET : AF_INET6, cut, &text, socklen_t(text.count))
        let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        return address + (cut.count == 4 ? "/24" : "/48")
    }

    /// HMAC-SHA256 under the privacy key, for comparing visitors.
    package func hash(key: [UInt8]) -> [UInt8] { HMACSHA256.authenticate(bytes, key: key) }

    /// By what requests are limited: the address, of IPv6 its /64, since one visitor has all of it. A keyed digest.
    package func limitHash(key: [UInt8]) -> [UInt8] {
        HMACSHA256.authenticate([Array("limit".utf8), bytes.count == 4 ? bytes : Array(bytes.prefix(8))], key: key)
    }
}
