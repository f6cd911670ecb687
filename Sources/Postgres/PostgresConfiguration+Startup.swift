import Core

extension PostgresConfiguration {
    /// libpq's keywords and values for a new connection.
    var keywords: [(String, String)] {
        var pairs: [(String, String)] = []
        switch address {
        case .ip(let host, let port):
            // `host` is then only the name to verify; the address is never looked up.
            if let name = tls.serverName { pairs.append(("host", name)) }
            pairs += [("hostaddr", host), ("port", String(port))]
        case .socketDirectory(let path, let port): pairs += [("host", path), ("port", String(port))]
        }
        pairs += [("user", user), ("dbname", database)]
        if let password { pairs.append(("password", password)) }
        pairs += [
            ("application_name", applicationName), ("client_encoding", "UTF8"), ("sslmode", tls.mode.rawValue),
            // Kerberos would look around on the network before the first packet.
            ("gssencmode", "disable"),
            // After a failover the old primary is a standby: better no connection than one that refuses every write.
            ("target_session_attrs", "read-write"),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", String(tcpUserTimeout.milliseconds)), ("options", sessionOptions),
        ]
        if let file = tls.rootCertificateFile { pairs.append(("sslrootcert", file)) }
        return pairs
    }

    /// The session's settings as startup options: in force before the first statement, without a round trip, and what
    /// RESET and DISCARD go back to.
    private var sessionOptions: String {
        var settings = [
            ("statement_timeout", String(statementTimeout.milliseconds)),
            ("lock_timeout", String(lockTimeout.milliseconds)),
            ("idle_in_transaction_session_timeout", String(idleInTransactionTimeout.milliseconds)),
            ("TimeZone", "UTC"),
            // Notices are dropped here; let the server not send them.
            ("client_min_messages", "warning"),
        ]
        settings += plans.settings
        if let schema { settings.append(("search_path", Self.quotedIdentifier(schema))) }
        return settings.map { "-c \($0.0)=\(Self.escapedOption($0.1))" }.joined(separator: " ")
    }

    static func quotedIdentifier(_ name: String) -> String {
        "\"" + name.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }

    /// The server splits the options at blanks; a backslash makes the next character an ordinary one.
    private static func escapedOption(_ value: String) -> String {
        value.map { $0.isWhitespace || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    }
}
