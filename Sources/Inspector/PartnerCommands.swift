import Core
import EventLoop
import Postgres

/// Who may earn and what is sold: `partner` and `product`.
enum PartnerCommands {
    static let all = [partnerAdd, partnerList, productAdd, productList]

    static let programmeOption = CommandOption.value("programme", "ID", "the programme; `default` unless named")

    static func programme(_ arguments: Arguments) -> String { arguments.text("programme", or: "default") }

    @Loop static func exists(programme: String, _ pool: PostgresPool) async throws -> Bool {
        let rows = try await pool.query(
            PostgresStatement("find_programme", "SELECT FROM programmes WHERE id = $1"), [.text(programme)])
        return !rows.isEmpty
    }

    /// What the database says against a new row, in words.
    static func reason(_ error: PostgresError, taken: String, _ arguments: Arguments) -> String {
        if error.isUniqueViolation { return taken }
        if error.sqlState == "23503" { return "there is no programme \(programme(arguments))" }
        return error.constraint.map { "the rule \($0) forbids it" } ?? error.message
    }

    static let partnerAdd = Command(
        "partner add", .setup, "Adds a partner under its referral code.",
        options: [
            .required("code", "CODE", "the referral code, 1 to 64 letters"),
            .required("name", "NAME", "how people call it"),
            .value("tier", "TIER", "its tier", choices: ["bronze", "silver", "gold", "platinum"]),
            .value("email", "ADDRESS", "its mail address"),
            .value("customer", "ID", "the customer id under which it buys itself: such orders pay nothing"),
            programmeOption,
        ],
        examples: ["partner add --code PARTNER001 --name \"Ada's Blog\" --tier gold"]
    ) { session, arguments in
        let id = UUID.version7(at: Loop.wallClock)
        let code = arguments.text("code")
        let values: [PostgresValue] = [
            .uuid(id), .text(programme(arguments)), .text(code), .text(arguments.text("name")),
            .optional(arguments.optional("email")) { .text($0) }, .optional(arguments.optional("tier")) { .text($0) },
            .optional(arguments.optional("customer")) { .text($0) },
        ]
        let statement = PostgresStatement(
            "insert_partner",
            """
            INSERT INTO partners (id, programme, referral_code, name, email, tier, customer_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """)
        // Before anything is written: a partner whom the ingest does not hear of would earn nothing.
        _ = try await session.redis()
        do {
            _ = try await session.postgres().query(statement, values)
        } catch let error as PostgresError where error.isDataError {
            let taken = "there is a partner \(code) already: see `tributary partner list`"
            throw Refusal("the partner was not added: \(reason(error, taken: taken, arguments))")
        }
        try await session.publishDirectory()
        return Answer(
            ["partnerId": .string(id.description), "referralCode": .string(code)],
            [
                "Partner \(code, .bold) is added: \(id).",
                "Next, where it gets its events: tributary endpoint add --partner \(code) --url https://…",
            ])
    }

    static let partnerList = Command(
        "partner list", .setup, "Lists partners.", options: [programmeOption], examples: ["partner list"]
    ) { session, arguments in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_partners",
                """
                SELECT id, referral_code, name, tier, is_active FROM partners
                WHERE programme = $1 ORDER BY referral_code LIMIT 1000
                """), [.text(programme(arguments))])
        var listing = Listing(
            "partners",
            [
                .init("referralCode", "code"), .init("name", "name", isElastic: true), .init("tier", "tier"),
                .init("active", "active"), .init("partnerId", "id"),
            ], whenEmpty: "No partners yet: add one by `tributary partner add --code CODE --name NAME`.")
        listing.rows = try rows.map { row in
            [
                .init(try row.text(1)), .init(try row.text(2)), .init(try row.optionalText(3)),
                .init(try row.bool(4)), .init(try row.uuid(0).description),
            ]
        }
        return listing.answer
    }

    static let productAdd = Command(
        "product add", .setup, "Adds a product by the shop's own id, or changes its name and category.",
        options: [
            .required("id", "ID", "as the shop's orders name it"), .required("name", "NAME", "how people call it"),
            .value("category", "NAME", "for policies of a category"), programmeOption,
        ], examples: ["product add --id prod-001 --name Scarf --category winter"]
    ) { session, arguments in
        let id = arguments.text("id")
        do {
            _ = try await session.postgres().query(
                PostgresStatement(
                    "insert_product",
                    """
                    INSERT INTO products (programme, external_id, name, category) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (programme, external_id) DO UPDATE SET name = excluded.name, category = excluded.category
                    """),
                [
                    .text(programme(arguments)), .text(id), .text(arguments.text("name")),
                    .optional(arguments.optional("category")) { .text($0) },
                ])
        } catch let error as PostgresError where error.isDataError {
            throw Refusal("the product was not saved: \(reason(error, taken: "", arguments))")
        }
        return Answer(["productId": .string(id), "saved": true], ["Product \(id, .bold) is saved."])
    }

    static let productList = Command(
        "product list", .setup, "Lists products, at most 1,000.", options: [programmeOption],
        examples: ["product list"]
    ) { session, arguments in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_products",
                "SELECT external_id, name, category FROM products WHERE programme = $1 ORDER BY external_id LIMIT 1000"),
            [.text(programme(arguments))])
        var listing = Listing(
            "products",
            [.init("productId", "product"), .init("name", "name", isElastic: true), .init("category", "category")],
            whenEmpty: "No products yet: add one by `tributary product add --id ID --name NAME`.")
        listing.rows = try rows.map { row in
            [.init(try row.text(0)), .init(try row.text(1)), .init(try row.optionalText(2))]
        }
        return listing.answer
    }
}
