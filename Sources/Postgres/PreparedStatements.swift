/// One statement as the server knows it on one connection: a server-side name, and the types it was prepared for.
final class PreparedStatement {
    let statement: PostgresStatement
    /// Unspecified (0) where a NULL was given and the server inferred the type itself.
    let types: [UInt32]
    /// Zero-terminated.
    let serverName: [CChar]

    init(statement: PostgresStatement, types: [UInt32], serverName: String) {
        self.statement = statement
        self.types = types
        self.serverName = Array(serverName.utf8CString)
    }

    func fits(_ statement: PostgresStatement, _ types: [UInt32]) -> Bool {
        guard self.types.count == types.count, self.statement.sql == statement.sql else { return false }
        // A NULL fits every type; a value fits only the type it was declared with, since its bytes are that type's.
        for index in types.indices where types[index] != 0 && types[index] != self.types[index] { return false }
        return true
    }
}

/// What has been prepared on one connection.
///
/// A statement is prepared again, under another server-side name, for other types of parameters; each time at least
/// one more type is known than before, so NULLs make no more variants than there are parameters.
struct PreparedStatements {
    private var variants: [String: [PreparedStatement]] = [:]
    private var lastNumber = 0
    private(set) var count = 0

    /// Beyond it statements are parsed anew for each call: names made from data must not fill the server's memory.
    static let countMax = 500
    /// The server cuts names at 63 bytes, and two cut names would be one.
    private static let namePrefixMax = 40

    func find(_ statement: PostgresStatement, _ types: [UInt32]) -> PreparedStatement? {
        variants[statement.name]?.last { $0.fits(statement, types) }
    }

    /// A new variant, to be prepared now; `nil` when there are too many.
    mutating func add(_ statement: PostgresStatement, _ types: [UInt32]) -> PreparedStatement? {
        guard count < Self.countMax else { return nil }
        let known = variants[statement.name]?.last { $0.statement == statement && $0.types.count == types.count }
        let merged = types.indices.map { types[$0] != 0 ? types[$0] : known?.types[$0] ?? 0 }
        lastNumber += 1
        count += 1
        let prepared = PreparedStatement(
            statement: statement, types: merged,
            serverName:
                "\(statement.name.utf8.prefix(Self.namePrefixMax).map { String(UnicodeScalar($0)) }.joined())_\(lastNumber)"
        )
        variants[statement.name, default: []].append(prepared)
        return prepared
    }

    /// Forgets a variant that the server refused or dropped; the next call prepares a new one.
    mutating func remove(_ prepared: PreparedStatement) {
        let before = variants[prepared.statement.name]?.count ?? 0
        variants[prepared.statement.name]?.removeAll { $0 === prepared }
        count -= before - (variants[prepared.statement.name]?.count ?? 0)
    }
}
