import Postgres

/// What the directory asks of PostgreSQL.
enum DirectoryStatements {
    static let keys = PostgresStatement(
        "directory_keys", "SELECT hash, id, programme, source, scopes FROM api_keys WHERE revoked_at IS NULL")

    static let partners = PostgresStatement(
        "directory_partners",
        """
        SELECT id, programme, referral_code FROM partners
        WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT \(DirectoryChunk.entriesMax)
        """)

    static let hooks = PostgresStatement(
        "directory_hooks",
        """
        SELECT source, programme, platform, secret, secret_key_id, code_from FROM hook_sources WHERE revoked_at IS NULL
        """)

    /// Publishers come one after the other: who reads later publishes later.
    static let lock = PostgresStatement("directory_lock", "SELECT pg_advisory_xact_lock(7244823042)")

    /// Who was revoked since the directory was read, whether or not anybody gave notice of it.
    static let revoked = PostgresStatement(
        "directory_revoked",
        """
        SELECT hash, NULL::text AS source FROM api_keys WHERE revoked_at > $1
        UNION ALL SELECT NULL, source FROM hook_sources WHERE revoked_at > $1
        """)

    static let key = PostgresStatement(
        "directory_key",
        "SELECT hash, id, programme, source, scopes FROM api_keys WHERE hash = $1 AND revoked_at IS NULL")

    static let partner = PostgresStatement(
        "directory_partner", "SELECT id, programme, referral_code FROM partners WHERE id = $1 AND deleted_at IS NULL")

    static let partnerByCode = PostgresStatement(
        "directory_partner_by_code",
        """
        SELECT id, programme, referral_code FROM partners
        WHERE programme = $1 AND referral_code = $2 AND deleted_at IS NULL
        """)

    static let hook = PostgresStatement(
        "directory_hook",
        """
        SELECT source, programme, platform, secret, secret_key_id, code_from FROM hook_sources
        WHERE source = $1 AND revoked_at IS NULL
        """)

    static let usedKeys = PostgresStatement(
        "directory_used_keys",
        """
        UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = ANY($1)
        """)
}

extension Directory.APIKey {
    /// From a row of ``DirectoryStatements/keys``.
    static func read(_ row: PostgresRow) throws(PostgresError) -> (hash: [UInt8], key: Self) {
        let key = Self(
            id: try row.uuid(1), programme: try row.text(2), source: try row.text(3),
            scopes: Directory.Scopes(words: try row.texts(4).compactMap { $0 }))
        return (try row.bytes(0), key)
    }
}

extension Directory.Partner {
    init(_ row: PostgresRow) throws(PostgresError) {
        self.init(id: try row.uuid(0), programme: try row.text(1), code: try row.text(2))
    }
}

extension Directory.HookSource {
    init(_ row: PostgresRow) throws(PostgresError) {
        self.init(
            source: try row.text(0), programme: try row.text(1), platform: try row.text(2),
            sealedSecret: try row.bytes(3), secretKeyID: try row.text(4), codeFrom: try row.texts(5).compactMap { $0 })
    }
}
