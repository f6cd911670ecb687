import Core

/// The parts of a store's URL: `scheme://[user[:password]@][host][:port][/path][?name=value&…]`, percent-decoded.
///
/// Not a URL type for the world: only what the configuration names, with errors that show no part of the text.
struct StoreURL: Sendable {
    var scheme: String
    var user: String?
    var password: Secret<String>?
    /// At least one; several as in `redis+cluster://10.0.0.1:7000,10.0.0.2:7000`.
    var hosts: [(host: String, port: Int?)]
    /// Without its leading slash, except for `unix://`, where it is the absolute path.
    var path: String
    var query: [(name: String, value: String)]

    /// Nil for what does not have this form.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        scheme = text[..<separator.lowerBound].lowercased()
        var rest = text[separator.upperBound...]
        query = []
        if let mark = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: mark)...].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, let name = Self.decoded(parts[0]), let value = Self.decoded(parts[1]) else {
                    return nil
                }
                query.append((name, value))
            }
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let path = Self.decoded(rest[slash...]) else { return nil }
        self.path = scheme == "unix" ? path : String(path.dropFirst())
        var authority = rest[..<slash]
        if let at = authority.lastIndex(of: "@") {
            let parts = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = Self.decoded(parts[0]) else { return nil }
            self.user = user.isEmpty ? nil : user
            if parts.count == 2 {
                guard let password = Self.decoded(parts[1]) else { return nil }
                self.password = Secret(password)
            }
            authority = authority[authority.index(after: at)...]
        }
        hosts = []
        for address in authority.split(separator: ",", omittingEmptySubsequences: false) {
            guard let (host, port) = Self.hostAndPort(address) else { return nil }
            hosts.append((host, port))
        }
    }

    /// The first one's, of several.
    var host: String { hosts[0].host }
    var port: Int? { hosts[0].port }

    /// The value of a query parameter, the last one when it stands there twice.
    func parameter(_ name: String) -> String? { query.last { $0.name == name }?.value }

    private static func hostAndPort(_ authority: Substring) -> (String, Int?)? {
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":") else { return nil }
                port = rest.dropFirst()
            }
        } else if let colon = authority.lastIndex(of: ":") {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
        }
        guard let port else { return (String(host), nil) }
        guard let number = Int(port), (1...65535).contains(number) else { return nil }
        return (String(host), number)
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next(), let low = iterator.next(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension StoreURL {
    /// The text with the password of its authority replaced by `***`, and that of a `password` parameter too.
    static func withoutPassword(_ text: String) -> String {
        guard let separator = text.firstRange(of: "://") else { return text }
        var rest = text[separator.upperBound...]
        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[mark...]
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var shown = String(text[..<separator.upperBound])
        if let at = rest[..<slash].lastIndex(of: "@") {
            let user = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            shown += user[0] + (user.count == 2 ? ":***" : "") + rest[at...]
        } else {
            shown += rest
        }
        let pairs = query.split(separator: "&", omittingEmptySubsequences: false).map { pair in
            pair.contains("password=") ? pair.prefix { $0 != "=" } + "=***" : pair
        }
        return shown + pairs.joined(separator: "&")
    }
}
