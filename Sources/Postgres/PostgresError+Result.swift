import CPostgres

extension PostgresError {
    /// Reads the error of a failed result, which the caller still has to clear.
    init(_ result: OpaquePointer, statement: String?) {
        let sqlState = tributary_sqlstate(result).map { String(cString: $0) }
        let severity = tributary_severity(result).map { String(cString: $0) }
        // Without an SQLSTATE libpq itself speaks, and then of the connection. FATAL and PANIC end the session.
        let isLost = sqlState == nil || severity == "FATAL" || severity == "PANIC"
        let raw = tributary_message(result).map { String(cString: $0) } ?? String(cString: PQresultErrorMessage(result))
        self.init(
            isLost ? .connectionLost : .sql, sqlState: sqlState, Self.safe(raw, sqlState: sqlState),
            constraint: tributary_constraint(result).map { String(cString: $0) },
            table: tributary_table(result).map { String(cString: $0) }, statement: statement)
        // 0A000 is also "feature not supported"; only the function's name tells, in whatever language the server speaks.
        let isReplan =
            sqlState == "0A000"
            && tributary_source_function(result).map { String(cString: $0) } == "RevalidateCachedQuery"
        isStalePlan = isReplan || sqlState == "26000"
    }

    /// What libpq says about the connection as a whole.
    init(_ kind: Kind, of connection: OpaquePointer) {
        let raw = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        self.init(kind, Self.oneLine(raw.isEmpty ? "the server closed the connection" : raw))
    }

    /// Messages of class 22 quote the value at fault; everything from the first quote to the last is cut out.
    static func safe(_ message: String, sqlState: String?) -> String {
        let line = oneLine(message)
        guard sqlState?.hasPrefix("22") ?? false, let first = line.firstIndex(of: "\""),
            let last = line.lastIndex(of: "\""), first != last
        else { return line }
        return line[..<first] + "***" + line[line.index(after: last)...]
    }

    /// libpq's messages have several lines; a log line has room for one of bounded length.
    private static func oneLine(_ text: String) -> String {
        let joined = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return String(joined.prefix(messageCharactersMax))
    }

    private static let messageCharactersMax = 500
}
