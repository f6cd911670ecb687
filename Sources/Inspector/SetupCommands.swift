import Core
import Crypto
import EventLoop
import Ledger
import Postgres

/// `migrate` and `seed`.
enum SetupCommands {
    static let all = [migrate, seed]

    static let migrate = Command(
        "migrate", .setup, "Brings the database's schema to this program's, or shows where it stands.",
        options: [
            .value("to", "NUMBER", "up or down to this migration; 0 drops everything"),
            .flag("status", "only show which migrations are applied"),
        ],
        examples: ["migrate", "migrate --status", "migrate --to 0     # drops everything"]
    ) { session, arguments in
        let migrator = Migrator(pool: try await session.postgres())
        if arguments.has("status") { return try await status(migrator) }
        var number = Migrator.schemaNumber
        if let text = arguments.optional("to") {
            guard let value = Int64(text), value >= 0 else { throw Arguments.Usage("--to needs a number, 0 or more") }
            number = value
        }
        let done = try await migrator.migrate(to: number)
        return Answer(
            ["done": .array(done.map { .string($0) }), "schema": JSON(integer: number)],
            done.isEmpty
                ? ["Nothing to do: the schema is at \(number)."]
                : done.map { StyledLine($0) } + ["The schema is at \(number)."])
    }

    @Loop private static func status(_ migrator: Migrator) async throws -> Answer {
        var listing = Listing(
            "migrations",
            [
                .init("number", "number", isRight: true), .init("name", "name"), .init("applied", "applied"),
            ], whenEmpty: "This program has no migrations.")
        listing.rows = try await migrator.status().map { status in
            [.init(status.number), .init(status.name), .init(status.isApplied)]
        }
        return listing.answer
    }

    static let seed = Command(
        "seed", .setup, "Saves the six commission policies of a year; those that are there already stay.",
        options: [
            .value("year", "YEAR", "2000 to 9998; this year by default"), PartnerCommands.programmeOption,
        ], examples: ["seed", "seed --year 2026"]
    ) { session, arguments in
        let year = try year(arguments)
        let programme = PartnerCommands.programme(arguments)
        let pool = try await session.postgres()
        guard try await PartnerCommands.exists(programme: programme, pool) else {
            throw Refusal("there is no programme \(programme)")
        }
        var page = Page(["Commission policies of \(year)"])
        var table = Table(
            columns: [Table.Column(heading: ""), Table.Column(heading: ""), Table.Column(heading: "")], indent: 2,
            hasHeadings: false)
        var saved: [JSON] = []
        for policy in SeedPolicy.all {
            let rows = try await pool.query(insertPolicy, policy.values(programme: programme, year: year))
            let isNew = rows.affectedRows == 1
            let code = policy.code(year)
            saved.append(["policyCode": .string(code), "saved": .bool(isNew)])
            table.rows.append([
                StyledLine(isNew ? "saved" : "there", isNew ? .good : .dim), "\(code)",
                "\(policy.percent) %\(policy.note)",
            ])
        }
        page.add(table)
        return Answer(["year": JSON(integer: year), "policies": .array(saved)], page)
    }

    private static func year(_ arguments: Arguments) throws -> Int {
        guard let text = arguments.optional("year") else { return Int(CivilDate(utc: Loop.wallClock).year) }
        guard let year = Int(text), (2000...9998).contains(year) else {
            throw Arguments.Usage("--year needs a year from 2000 to 9998")
        }
        return year
    }

    /// Dates are days of the programme's zone: the last day counts whole.
    private static let insertPolicy = PostgresStatement(
        "insert_policy",
        """
        INSERT INTO commission_policies
            (id, programme, policy_code, name, policy_type, priority, partner_tier, requires_new_customer, commission,
             min_commission, valid_from, valid_until, max_usage_total, can_stack)
        SELECT $1::uuid, p.id, $3::text, $4::text, $5::text, $6::integer, $7::text, $8::boolean, $9::jsonb, 1000, $10::text::date::timestamp AT TIME ZONE p.time_zone,
               ($11::text::date + 1)::timestamp AT TIME ZONE p.time_zone, $12::bigint, false
        FROM programmes p WHERE p.id = $2
        ON CONFLICT (programme, policy_code, version) DO NOTHING
        """)
}

/// One of the six rows of the specification.
struct SeedPolicy {
    let prefix: String
    let name: String
    let type: String
    let priority: Int32
    let tier: String?
    let percent: Int64
    var isPromotion = false

    static let all = [
        SeedPolicy(prefix: "DEFAULT-", name: "Default commission", type: "DEFAULT", priority: 0, tier: nil, percent: 5),
        SeedPolicy(
            prefix: "TIER-BRONZE-", name: "Bronze tier", type: "TIER_BASED", priority: 10, tier: "bronze", percent: 5),
        SeedPolicy(
            prefix: "TIER-SILVER-", name: "Silver tier", type: "TIER_BASED", priority: 20, tier: "silver", percent: 7),
        SeedPolicy(
            prefix: "TIER-GOLD-", name: "Gold tier", type: "TIER_BASED", priority: 30, tier: "gold", percent: 10),
        SeedPolicy(
            prefix: "TIER-PLATINUM-", name: "Platinum tier", type: "TIER_BASED", priority: 40, tier: "platinum",
            percent: 12),
        SeedPolicy(
            prefix: "PROMO-WINTER", name: "Winter promotion", type: "PROMOTIONAL", priority: 100, tier: nil,
            percent: 15,
            isPromotion: true),
    ]

    var note: String { isPromotion ? " (new customers only)" : "" }

    func code(_ year: Int) -> String { "\(prefix)\(year)" }

    func values(programme: String, year: Int) -> [PostgresValue] {
        [
            .uuid(.derived("policy", programme, code(year), "1")), .text(programme), .text(code(year)), .text(name),
            .text(type), .int4(priority), .optional(tier) { .text($0) }, .bool(isPromotion),
            .json(["kind": "percentage", "ppm": JSON(integer: percent * 10_000)]),
            .text("\(year)-\(isPromotion ? "11" : "01")-01"), .text("\(year)-12-31"),
            isPromotion ? .int8(1000) : .null,
        ]
    }
}
