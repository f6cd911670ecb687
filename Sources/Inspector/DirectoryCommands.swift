import Core
import Crypto
import EventLoop
import Fleet
import Ingest
import Postgres
import Webhooks

/// Who may earn, what is sold, where webhooks go, and which systems may post: `partner`, `product`, `endpoint`, `key`, `hook`.
enum DirectoryCommands {
    static let all = [
        partnerAdd, partnerList, productAdd, productList, endpointAdd, endpointList, keyAdd, keyList, keyRevoke,
        hookAdd,
        hookList, rebuild,
    ]

    static func programme(_ arguments: Arguments) -> String { arguments.optional("programme") ?? "default" }

    static let partnerAdd = Command(
        "partner add", "Adds a partner under its referral code.",
        usage:
            "--code CODE --name NAME [--tier bronze|silver|gold|platinum] [--email ADDRESS] [--customer ID] [--programme ID]",
        examples: ["partner add --code PARTNER001 --name \"Ada's Blog\" --tier gold"],
        options: ["code", "name", "tier", "email", "customer", "programme"]
    ) { session, arguments in
        let id = UUID.version7(at: Loop.wallClock)
        let code = try arguments.required("code")
        let tier = arguments.optional("tier")?.lowercased()
        let values: [PostgresValue] = [
            .uuid(id), .text(programme(arguments)), .text(code), .text(try arguments.required("name")),
            .optional(arguments.optional("email")) { .text($0) }, .optional(tier) { .text($0) },
            .optional(arguments.optional("customer")) { .text($0) },
        ]
        let statement = PostgresStatement(
            "insert_partner",
            """
            INSERT INTO partners (id, programme, referral_code, name, email, tier, customer_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """)
        do {
            _ = try await session.postgres().query(statement, values)
        } catch let error as PostgresError where error.isDataError {
            throw Refusal("the partner was not added: \(error.constraint ?? error.message)")
        }
        try await session.publishDirectory()
        return Answer(
            ["partnerId": .string(id.description), "referralCode": .string(code)], ["Partner \(code) is \(id)."])
    }

    static let partnerList = Command("partner list", "Lists partners.", options: ["programme"]) { session, arguments in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_partners",
                "SELECT id, referral_code, name, tier, is_active FROM partners WHERE programme = $1 ORDER BY referral_code"
            ),
            [.text(programme(arguments))])
        return try table(rows, ["partnerId", "referralCode", "name", "tier", "active"]) { row in
            [
                try row.uuid(0).description, try row.text(1), try row.text(2), try row.optionalText(3) ?? "-",
                try row.bool(4) ? "yes" : "no",
            ]
        }
    }

    static let productAdd = Command(
        "product add", "Adds a product by the shop's own id.",
        usage: "--id ID --name NAME [--category NAME] [--programme ID]",
        examples: ["product add --id prod-001 --name Scarf --category winter"],
        options: ["id", "name", "category", "programme"]
    ) { session, arguments in
        let id = try arguments.required("id")
        let rows = try await session.postgres().query(
            PostgresStatement(
                "insert_product",
                """
                INSERT INTO products (programme, external_id, name, category) VALUES ($1, $2, $3, $4)
                ON CONFLICT (programme, external_id) DO UPDATE SET name = excluded.name, category = excluded.category
                """),
            [
                .text(programme(arguments)), .text(id), .text(try arguments.required("name")),
                .optional(arguments.optional("category")) { .text($0) },
            ])
        return Answer(["productId": .string(id), "saved": .bool(rows.affectedRows == 1)], ["Product \(id) is saved."])
    }

    static let productList = Command("product list", "Lists products.", options: ["programme"]) { session, arguments in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_products",
                "SELECT external_id, name, category FROM products WHERE programme = $1 ORDER BY external_id LIMIT 1000"),
            [.text(programme(arguments))])
        return try table(rows, ["productId", "name", "category"]) { row in
            [try row.text(0), try row.text(1), try row.optionalText(2) ?? "-"]
        }
    }

    static let endpointAdd = Command(
        "endpoint add", "Adds a partner's webhook endpoint and shows its secret, this once.",
        usage: "--partner CODE --url URL [--events TYPE,…] [--timeout-ms 5000] [--description TEXT]",
        examples: ["endpoint add --partner PARTNER001 --url https://partner.example/hooks --events commission.*"],
        options: ["partner", "url", "events", "timeout-ms", "description", "programme"]
    ) { session, arguments in
        let pool = try await session.postgres()
        let partner = try await partnerID(pool, programme(arguments), try arguments.required("partner"))
        guard let timeout = Int64(arguments.optional("timeout-ms") ?? "5000") else {
            throw Arguments.Usage(description: "--timeout-ms needs a number")
        }
        let url = try arguments.required("url")
        let added = try await WebhookEndpoints.add(
            pool, programme: programme(arguments), partnerID: partner, url: url,
            eventTypes: arguments.list("events") ?? ["commission.*", "conversion.*"], timeout: .milliseconds(timeout),
            description: arguments.optional("description"), sealer: try session.sealer())
        return Answer(
            [
                "endpointId": .string(added.id.description), "url": .string(url),
                "secret": .string(added.secret.reveal()),
            ],
            ["Endpoint \(added.id) is added.", "Its secret, shown only now: \(added.secret.reveal())"])
    }

    static let endpointList = Command("endpoint list", "Lists webhook endpoints.") { session, _ in
        let endpoints = try await WebhookEndpoints.list(try await session.postgres())
        let rows = endpoints.map { endpoint in
            [
                endpoint.id.description, endpoint.url, endpoint.eventTypes.joined(separator: ","),
                endpoint.isEnabled ? "yes" : endpoint.disabledReason ?? "no",
            ]
        }
        return table(rows, ["endpointId", "url", "events", "enabled"])
    }

    static func partnerID(_ pool: PostgresPool, _ programme: String, _ code: String) async throws -> UUID {
        let rows = try await pool.query(
            PostgresStatement("find_partner", "SELECT id FROM partners WHERE programme = $1 AND referral_code = $2"),
            [.text(programme), .text(code)])
        guard let row = rows.first else { throw Refusal("there is no partner \(code): see `tributary partner list`") }
        return try row.uuid(0)
    }

    static let keyAdd = Command(
        "key add", "Makes an order system's API key and shows it, this once.",
        usage: "--source NAME --name NAME [--scopes events:write,events:read] [--programme ID]",
        examples: ["key add --source shop-1 --name \"Shop 1\""], options: ["source", "name", "scopes", "programme"]
    ) { session, arguments in
        let id = UUID.version7(at: Loop.wallClock)
        let key = "tk_live_" + Hex.encode(randomBytes(24))
        let scopes = arguments.list("scopes") ?? ["events:write", "events:read"]
        _ = try await session.postgres().query(
            PostgresStatement(
                "insert_key",
                """
                INSERT INTO api_keys (id, programme, source, name, prefix, hash, scopes) VALUES ($1, $2, $3, $4, $5, $6, $7)
                """),
            [
                .uuid(id), .text(programme(arguments)), .text(try arguments.required("source")),
                .text(try arguments.required("name")), .text(String(key.prefix(12))),
                .bytes(SHA256.digest(Array(key.utf8))),
                .texts(scopes),
            ])
        try await session.publishDirectory()
        return Answer(
            ["keyId": .string(id.description), "key": .string(key), "scopes": .array(scopes.map { .string($0) })],
            ["Key \(id), shown only now: \(key)"])
    }

    static let keyList = Command("key list", "Lists API keys; the keys themselves are not kept.") { session, _ in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_keys", "SELECT id, source, name, prefix, scopes, revoked_at FROM api_keys ORDER BY created_at"))
        return try table(rows, ["keyId", "source", "name", "prefix", "scopes", "revoked"]) { row in
            [
                try row.uuid(0).description, try row.text(1), try row.text(2), try row.text(3) + "…",
                try row.texts(4).compactMap(\.self).joined(separator: ","),
                try row.optionalTimestamp(5)?.rfc3339 ?? "-",
            ]
        }
    }

    static let keyRevoke = Command("key revoke", "Ends a key; it stops within 5 s.", usage: "<key id>") {
        session, arguments in
        guard let id = UUID(try arguments.word(0, "key id")) else {
            throw Arguments.Usage(description: "<key id> is a uuid")
        }
        let rows = try await session.postgres().query(
            PostgresStatement(
                "revoke_key", "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL"),
            [.uuid(id)])
        guard rows.affectedRows == 1 else { throw Refusal("there is no key \(id) that is not revoked") }
        try await session.publishDirectory()
        return Answer(["keyId": .string(id.description), "revoked": true], ["Key \(id) is revoked."])
    }

    static let hookAdd = Command(
        "hook add", "Lets a shop platform post its own webhooks.",
        usage: "--source NAME --platform shopify|woocommerce --secret SECRET [--code-from WHERE,…] [--programme ID]",
        examples: ["hook add --source acme --platform shopify --secret shpss_…"],
        options: ["source", "platform", "secret", "code-from", "programme"]
    ) { session, arguments in
        let source = try arguments.required("source")
        let sealed = try HookSecret.seal(
            try arguments.required("secret"), source: source, masterKey: try session.masterKey().reveal())
        do {
            _ = try await session.postgres().query(
                PostgresStatement(
                    "insert_hook",
                    """
                    INSERT INTO hook_sources (source, programme, platform, secret, secret_key_id, code_from)
                    VALUES ($1, $2, $3, $4, $5, coalesce($6::text[], '{note_attributes,landing_site,discount_code}'))
                    ON CONFLICT (source) DO UPDATE SET secret = excluded.secret, secret_key_id = excluded.secret_key_id,
                        code_from = excluded.code_from, revoked_at = NULL
                    """),
                [
                    .text(source), .text(programme(arguments)), .text(try arguments.required("platform")),
                    .bytes(sealed),
                    .text(session.configuration.masterKeyID), .optional(arguments.list("code-from")) { .texts($0) },
                ])
        } catch let error as PostgresError where error.isDataError {
            throw Refusal("the hook was not added: \(error.constraint ?? error.message)")
        }
        try await session.publishDirectory()
        return Answer(["source": .string(source)], ["Hook \(source) is saved."])
    }

    static let hookList = Command("hook list", "Lists shop platforms' hooks.") { session, _ in
        let rows = try await session.postgres().query(
            PostgresStatement("list_hooks", "SELECT source, platform, code_from FROM hook_sources ORDER BY source"))
        return try table(rows, ["source", "platform", "codeFrom"]) { row in
            [try row.text(0), try row.text(1), try row.texts(2).compactMap(\.self).joined(separator: ",")]
        }
    }

    static let rebuild = Command(
        "directory rebuild", "Writes anew what the ingest knows by heart: keys, referral codes, hooks."
    ) { session, _ in
        try await session.publishDirectory()
        return Answer(["published": true], ["The directory is published."])
    }
}
