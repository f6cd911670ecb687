/// What went wrong with PostgreSQL: what kind of thing, the server's SQLSTATE if it spoke, and what was being done.
///
/// `description` is safe for any log: the server's detail is not in it, and of data errors the quoted values are cut.
package struct PostgresError: Error, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// The connection broke while a reply was owed. A statement outside a transaction may or may not have
        /// happened; a transaction has not, unless ``PostgresError/commitUnknown``.
        case connectionLost
        /// There was no connection to use in time: surely nothing was sent.
        case notConnected
        /// The server said nothing for the statement timeout and a margin; the connection was given up. What may have
        /// happened is as for `connectionLost`.
        case timeout
        /// The server refused the statement; ``PostgresError/sqlState`` says why. Nothing of it has happened.
        case sql
        /// A value of the answer is NULL or has another type than asked for: our bug.
        case decoding
    }

    package let kind: Kind
    /// Five characters (PostgreSQL's appendix A), when the server gave one.
    package let sqlState: String?
    /// One line, safe for a log.
    package let message: String
    /// The violated constraint's name, for class 23.
    package let constraint: String?
    package let table: String?
    /// Name of the ``PostgresStatement`` that was refused; `nil` when none was.
    package internal(set) var statement: String?
    /// COMMIT was sent and its reply never came: the transaction may or may not have happened.
    package internal(set) var commitUnknown = false
    /// The server dropped the plan behind a prepared statement: the same again, prepared anew, can succeed.
    var isStalePlan = false

    init(
        _ kind: Kind, sqlState: String? = nil, _ message: String, constraint: String? = nil, table: String? = nil,
        statement: String? = nil
    ) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
        self.table = table
        self.statement = statement
    }

    /// A parameter that cannot be written to the wire: refused before anything is sent, with the SQLSTATE that the
    /// server has for it.
    static func refusedParameters(_ sqlState: String, _ message: String) -> PostgresError {
        PostgresError(.sql, sqlState: sqlState, message)
    }
}

extension PostgresError {
    private func isOfClass(_ prefix: String) -> Bool { sqlState?.hasPrefix(prefix) ?? false }

    /// The data is at fault (class 22 data exception, 23 integrity constraint): the same data fails again, other data
    /// of the same batch need not.
    package var isDataError: Bool { kind == .sql && (isOfClass("22") || isOfClass("23")) }

    /// 40001 or 40P01: the whole transaction, repeated, can succeed.
    package var isSerialization: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// 23505
    package var isUniqueViolation: Bool { sqlState == "23505" }

    /// The server cannot be used now, whatever the statement: lost, silent, starting, stopping (57P), out of
    /// resources (53), broken (08, 58, XX001, XX002), or a standby (25006). No attempt is spent on it.
    package var isUnreachableStore: Bool {
        switch kind {
        case .connectionLost, .notConnected, .timeout: return true
        case .decoding: return false
        case .sql:
            return ["08", "53", "57P", "58"].contains(where: isOfClass)
                || ["25006", "XX001", "XX002"].contains(sqlState)
        }
    }

    /// May go away by itself and says nothing against the data: an unreachable store, a serialization failure, a lock
    /// not got in time (55P03), a statement that ran too long or was cancelled (57014).
    package var isTransient: Bool {
        isUnreachableStore || isSerialization || sqlState == "55P03" || sqlState == "57014"
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        var text = kind == .sql ? message : "\(kind.rawValue): \(message)"
        if let sqlState { text = "\(sqlState): \(text)" }
        if let statement { text += " (statement \(statement))" }
        if commitUnknown { text += "; the outcome of COMMIT is unknown" }
        return text
    }
}
