import Core
import Crypto
import EventLoop
import Fleet
import Ingest
import Postgres
import Webhooks

/// Where webhooks go, and which systems may post: `endpoint`, `key`, `hook`, `directory`.
enum AccessCommands {
    static let all = [endpointAdd, endpointList, keyAdd, keyList, keyRevoke, hookAdd, hookList, rebuild]

    // MARK: Endpoints

    static let endpointAdd = Command(
        "endpoint add", .setup, "Adds a partner's webhook endpoint and shows its secret, this once.",
        options: [
            .required("partner", "CODE", "the partner's referral code"),
            .required("url", "URL", "where its webhooks go"),
            .value("events", "TYPE,…", "exact types, groups or *; commission.*,conversion.* by default"),
            .value("timeout-ms", "NUMBER", "for an answer: 100 to 30,000; 5,000 by default"),
            .value("description", "TEXT", "for people"), PartnerCommands.programmeOption,
        ],
        examples: ["endpoint add --partner PARTNER001 --url https://partner.example/hooks --events 'commission.*'"]
    ) { session, arguments in
        let timeout = try arguments.integer("timeout-ms", or: 5000, in: 100...30_000)
        let sealer = try session.sealer()
        let pool = try await session.postgres()
        let programme = PartnerCommands.programme(arguments)
        let partner = try await partnerID(pool, programme, arguments.text("partner"))
        let url = arguments.text("url")
        let added = try await WebhookEndpoints.add(
            pool, programme: programme, partnerID: partner, url: url,
            eventTypes: arguments.list("events") ?? ["commission.*", "conversion.*"], timeout: .milliseconds(timeout),
            description: arguments.optional("description"), sealer: sealer)
        return Answer(
            [
                "endpointId": .string(added.id.description), "url": .string(url),
                "secret": .string(added.secret.reveal()),
            ],
            [
                "Endpoint \(added.id.description, .bold) is added.",
                "Its secret, shown only now: \(added.secret.reveal(), .bold)",
            ])
    }

    static let endpointList = Command(
        "endpoint list", .setup, "Lists webhook endpoints, with why one receives nothing.",
        options: [.value("partner", "CODE", "of this partner only"), PartnerCommands.programmeOption],
        examples: ["endpoint list", "endpoint list --partner PARTNER001"]
    ) { session, arguments in
        let pool = try await session.postgres()
        var partner: UUID?
        if let code = arguments.optional("partner") {
            partner = try await partnerID(pool, PartnerCommands.programme(arguments), code)
        }
        let endpoints = try await WebhookEndpoints.list(pool, partnerID: partner)
        var listing = Listing(
            "endpoints",
            [
                .init("endpointId", "id"), .init("url", "url", isElastic: true), .init("events", "events"),
                .init("enabled", "enabled"), .init("pausedUntil", "paused until"),
                .init("disabledReason", "reason"),
            ], whenEmpty: "No endpoints yet: add one by `tributary endpoint add --partner CODE --url URL`.")
        let now = Loop.wallClock
        listing.rows = endpoints.map { endpoint in
            let paused = endpoint.pausedUntil.flatMap { $0 > now ? $0 : nil }
            return [
                .init(endpoint.id.description), .init(endpoint.url), .init(endpoint.eventTypes),
                .init(endpoint.isEnabled),
                .init(StyledLine(paused?.shown ?? "-"), paused.map { .string($0.rfc3339) } ?? .null),
                .init(endpoint.disabledReason),
            ]
        }
        return listing.answer
    }

    private static func partnerID(_ pool: PostgresPool, _ programme: String, _ code: String) async throws -> UUID {
        let rows = try await pool.query(
            PostgresStatement("find_partner", "SELECT id FROM partners WHERE programme = $1 AND referral_code = $2"),
            [.text(programme), .text(code)])
        guard let row = rows.first else { throw Refusal("there is no partner \(code): see `tributary partner list`") }
        return try row.uuid(0)
    }

    // MARK: Keys

    static let keyAdd = Command(
        "key add", .setup, "Makes an order system's API key and shows it, this once.",
        options: [
            .required("source", "NAME", "what its events are known by, 1 to 64 letters"),
            .required("name", "NAME", "how people call it"),
            .value("scopes", "SCOPE,…", "events:write,events:read by default"), PartnerCommands.programmeOption,
        ], examples: ["key add --source shop-1 --name \"Shop 1\""]
    ) { session, arguments in
        let id = UUID.version7(at: Loop.wallClock)
        let key = "tk_live_" + Hex.encode(randomBytes(24))
        let scopes = arguments.list("scopes") ?? ["events:write", "events:read"]
        for scope in scopes where !["events:write", "events:read"].contains(scope) {
            throw Arguments.Usage("there is no scope \(scope): events:write, events:read")
        }
        _ = try await session.redis()
        do {
            _ = try await session.postgres().query(
                PostgresStatement(
                    "insert_key",
                    """
                    INSERT INTO api_keys (id, programme, source, name, prefix, hash, scopes)
                    VALUES ($1, $2, $3, $4, $5, $6, $7)
                    """),
                [
                    .uuid(id), .text(PartnerCommands.programme(arguments)), .text(arguments.text("source")),
                    .text(arguments.text("name")), .text(String(key.prefix(12))),
                    .bytes(SHA256.digest(Array(key.utf8))), .texts(scopes),
                ])
        } catch let error as PostgresError where error.isDataError {
            throw Refusal("the key was not made: \(PartnerCommands.reason(error, taken: "", arguments))")
        }
        try await session.publishDirectory()
        return Answer(
            ["keyId": .string(id.description), "key": .string(key), "scopes": .array(scopes.map { .string($0) })],
            ["Key \(id) is made.", "Shown only now: \(key, .bold)"])
    }

    static let keyList = Command(
        "key list", .setup, "Lists API keys; the keys themselves are not kept.", examples: ["key list"]
    ) { session, _ in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_keys",
                "SELECT id, source, name, prefix, scopes, revoked_at FROM api_keys ORDER BY created_at LIMIT 1000"))
        var listing = Listing(
            "keys",
            [
                .init("keyId", "id"), .init("source", "source"), .init("name", "name", isElastic: true),
                .init("prefix", "begins with"), .init("scopes", "scopes"), .init("revokedAt", "revoked"),
            ], whenEmpty: "No keys yet: make one by `tributary key add --source NAME --name NAME`.")
        listing.rows = try rows.map { row in
            let revoked = try row.optionalTimestamp(5)
            return [
                .init(try row.uuid(0).description), .init(try row.text(1)), .init(try row.text(2)),
                .init(try row.text(3)), .init(try row.texts(4).compactMap(\.self)),
                .init(StyledLine(revoked?.shown ?? "-"), revoked.map { .string($0.rfc3339) } ?? .null),
            ]
        }
        return listing.answer
    }

    static let keyRevoke = Command(
        "key revoke", .setup, "Ends a key; it stops within 5 s.",
        words: [CommandWord("key id", "a uuid of `key list`")],
        examples: ["key revoke 0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061"]
    ) { session, arguments in
        let id = try arguments.uuid(0, "key id", "`tributary key list`")
        _ = try await session.redis()
        let rows = try await session.postgres().query(
            PostgresStatement(
                "revoke_key", "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL"),
            [.uuid(id)])
        guard rows.affectedRows == 1 else { throw Refusal("there is no key \(id) that is not revoked") }
        try await session.publishDirectory()
        return Answer(["keyId": .string(id.description), "revoked": true], ["Key \(id) is revoked."])
    }

    // MARK: Hooks

    static let hookAdd = Command(
        "hook add", .setup, "Lets a shop platform post its own webhooks, or changes their secret.",
        options: [
            .required("source", "NAME", "what its events are known by: letters, digits, _ and -"),
            .required("platform", "PLATFORM", "whose webhooks", choices: ["shopify", "woocommerce"]),
            .required("secret", "SECRET", "what the platform signs by"),
            .value(
                "code-from", "WHERE,…", "where the referral code stands: note_attributes,landing_site,discount_code"),
            PartnerCommands.programmeOption,
        ], examples: ["hook add --source acme --platform shopify --secret shpss_…"]
    ) { session, arguments in
        let source = arguments.text("source")
        let configuration = try session.configuration()
        let sealed = try HookSecret.seal(
            arguments.text("secret"), source: source, masterKey: try session.masterKey().reveal())
        _ = try await session.redis()
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
                    .text(source), .text(PartnerCommands.programme(arguments)), .text(arguments.text("platform")),
                    .bytes(sealed), .text(configuration.masterKeyID),
                    .optional(arguments.list("code-from")) { .texts($0) },
                ])
        } catch let error as PostgresError where error.isDataError {
            throw Refusal("the hook was not added: \(PartnerCommands.reason(error, taken: "", arguments))")
        }
        try await session.publishDirectory()
        let path = "/api/v1/hooks/\(arguments.text("platform"))/\(source)"
        return Answer(
            ["source": .string(source), "path": .string(path)],
            ["Hook \(source, .bold) is saved. The platform posts to \(path) of the ingest."])
    }

    static let hookList = Command(
        "hook list", .setup, "Lists shop platforms' hooks; their secrets are sealed.", examples: ["hook list"]
    ) { session, _ in
        let rows = try await session.postgres().query(
            PostgresStatement(
                "list_hooks", "SELECT source, platform, code_from FROM hook_sources ORDER BY source LIMIT 1000"))
        var listing = Listing(
            "hooks",
            [.init("source", "source"), .init("platform", "platform"), .init("codeFrom", "code from")],
            whenEmpty: "No hooks yet: add one by `tributary hook add --source NAME --platform shopify --secret SECRET`."
        )
        listing.rows = try rows.map { row in
            [.init(try row.text(0)), .init(try row.text(1)), .init(try row.texts(2).compactMap(\.self))]
        }
        return listing.answer
    }

    static let rebuild = Command(
        "directory rebuild", .setup, "Writes anew what the ingest knows by heart: keys, referral codes, hooks.",
        examples: ["directory rebuild"]
    ) { session, _ in
        try await session.publishDirectory()
        return Answer(["published": true], ["The directory is published."])
    }
}
