/// A type's number in PostgreSQL's catalogue (`pg_type.dat`; those of built-in types never change).
struct PostgresType: RawRepresentable, Hashable, Sendable {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    private init(_ number: UInt32) { rawValue = number }

    static let unspecified = PostgresType(0)
    static let bool = PostgresType(16)
    static let bytea = PostgresType(17)
    static let name = PostgresType(19)
    static let int8 = PostgresType(20)
    static let int2 = PostgresType(21)
    static let int4 = PostgresType(23)
    static let text = PostgresType(25)
    static let oid = PostgresType(26)
    static let float4 = PostgresType(700)
    static let float8 = PostgresType(701)
    static let bpchar = PostgresType(1042)
    static let varchar = PostgresType(1043)
    static let date = PostgresType(1082)
    static let timestamptz = PostgresType(1184)
    static let numeric = PostgresType(1700)
    static let uuid = PostgresType(2950)
    static let jsonb = PostgresType(3802)

    static let boolArray = PostgresType(1000)
    static let byteaArray = PostgresType(1001)
    static let int4Array = PostgresType(1007)
    static let textArray = PostgresType(1009)
    static let varcharArray = PostgresType(1015)
    static let int8Array = PostgresType(1016)
    static let dateArray = PostgresType(1182)
    static let timestamptzArray = PostgresType(1185)
    static let uuidArray = PostgresType(2951)
    static let jsonbArray = PostgresType(3807)

    /// Types that users made (enums, domains over text, citext) have numbers from here on.
    static let firstUserDefined: UInt32 = 16384

    var isText: Bool {
        switch self {
        case .text, .varchar, .bpchar, .name: true
        default: rawValue >= Self.firstUserDefined
        }
    }
}

/// PostgreSQL counts time from 2000-01-01T00:00:00Z.
enum PostgresEpoch {
    static let millisecondsAfter1970: Int64 = 946_684_800_000
    static let daysAfter1970 = 10_957
}
