import Glibc

/// Why a connection URL cannot be used. Holds no part of the URL that may be secret.
package struct PostgresURLError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

extension PostgresConfiguration {
    /// Reads a URL as libpq writes them: `postgresql://user[:password]@address[:port]/database[?parameter=value…]`.
    ///
    /// The address is numeric (IPv6 in brackets), `localhost` for 127.0.0.1, or a percent-encoded socket directory;
    /// empty means `/var/run/postgresql`. Parameters: `host`, `hostaddr`, `port`, `user`, `password`, `dbname`,
    /// `sslmode`, `sslrootcert`, `application_name`, `connect_timeout` (s). A name as host is accepted only beside a
    /// numeric `hostaddr`, and then is what the server's certificate is checked for.
    package init(url: String) throws(PostgresURLError) {
        var parts = PostgresURL()
        try parts.read(url)
        let user = parts.value("user")
        guard let user, !user.isEmpty else { throw PostgresURLError(description: "the user is missing") }
        let database = parts.value("dbname") ?? user
        self.init(
            address: try Self.address(parts), user: user, password: parts.value("password"), database: database)
        if let mode = parts.value("sslmode") {
            guard let known = PostgresTLS.Mode(rawValue: mode) else {
                let names = PostgresTLS.Mode.allCases.map(\.rawValue).joined(separator: ", ")
                throw PostgresURLError(description: "sslmode is none of \(names)")
            }
            tls.mode = known
        }
        tls.rootCertificateFile = parts.value("sslrootcert")
        if parts.value("hostaddr") != nil { tls.serverName = parts.value("host") }
        if let name = parts.value("application_name") { applicationName = name }
        if let seconds = parts.value("connect_timeout") {
            guard let number = Int(seconds), (1...3600).contains(number) else {
                throw PostgresURLError(description: "connect_timeout is no number of seconds in 1...3600")
            }
            connectTimeout = .seconds(number)
        }
    }

    private static func address(_ parts: borrowing PostgresURL) throws(PostgresURLError) -> Address {
        let portText = parts.value("port") ?? "5432"
        guard let port = Int(portText), (1...65535).contains(port) else {
            throw PostgresURLError(description: "the port is no number in 1...65535")
        }
        if let numeric = parts.value("hostaddr") {
            guard isNumericAddress(numeric) else {
                throw PostgresURLError(description: "hostaddr is no numeric IP address")
            }
            return .ip(numeric, port: port)
        }
        let host = parts.value("host") ?? ""
        if host.isEmpty { return .socketDirectory("/var/run/postgresql", port: port) }
        if host.hasPrefix("/") { return .socketDirectory(host, port: port) }
        if host == "localhost" { return .ip("127.0.0.1", port: port) }
        guard isNumericAddress(host) else {
            throw PostgresURLError(
                description: "the host '\(host)' is a name, and names are not resolved here: "
                    + "give an IP address, or add hostaddr=<IP address>")
        }
        return .ip(host, port: port)
    }

    static func isNumericAddress(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1
    }
}

/// The pieces of a connection URL under libpq's keywords, percent-decoded; parameters win over the parts before them.
private struct PostgresURL: ~Copyable {
    private var values: [String: String] = [:]
    private static let parameters: Set<String> = [
        "host", "hostaddr", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "application_name",
        "connect_timeout",
    ]

    func value(_ keyword: String) -> String? { values[keyword] }

    mutating func read(_ url: String) throws(PostgresURLError) {
        guard let scheme = ["postgresql://", "postgres://"].first(where: { url.hasPrefix($0) }) else {
            throw PostgresURLError(description: "the URL does not begin with postgresql://")
        }
        let halves = url.dropFirst(scheme.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let body = halves[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        try readAuthority(body[0])
        if body.count > 1, !body[1].isEmpty { values["dbname"] = try Self.decoded(body[1]) }
        guard halves.count > 1 else { return }
        for pair in halves[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let keyword = String(sides[0])
            guard sides.count == 2, Self.parameters.contains(keyword) else {
                throw PostgresURLError(description: "unknown URL parameter '\(keyword)'")
            }
            values[keyword] = try Self.decoded(sides[1])
        }
    }

    private mutating func readAuthority(_ authority: Substring) throws(PostgresURLError) {
        var place = authority
        if let at = authority.lastIndex(of: "@") {
            let who = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            values["user"] = try Self.decoded(who[0])
            if who.count > 1 { values["password"] = try Self.decoded(who[1]) }
            place = authority[authority.index(after: at)...]
        }
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") {
            values["host"] = String(place[place.index(after: place.startIndex)..<end])
            place = place[place.index(after: end)...]
            guard place.isEmpty || place.hasPrefix(":") else {
                throw PostgresURLError(description: "something follows the bracketed address")
            }
            if !place.isEmpty { values["port"] = String(place.dropFirst()) }
            return
        }
        let sides = place.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard !place.isEmpty else { return }
        if !sides[0].isEmpty { values["host"] = try Self.decoded(sides[0]) }
        if sides.count > 1 { values["port"] = String(sides[1]) }
    }

    private static func decoded(_ text: Substring) throws(PostgresURLError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(Substring(rest.prefix(2)), radix: 16), rest.count >= 2 else {
                throw PostgresURLError(description: "a % is not followed by two hexadecimal digits")
            }
            guard value != 0 else { throw PostgresURLError(description: "the URL holds a NUL character") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw PostgresURLError(description: "the URL is not UTF-8")
        }
        return decoded
    }
}
