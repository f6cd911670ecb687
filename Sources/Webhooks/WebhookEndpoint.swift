package import Core
import Postgres

/// An endpoint as it may be shown: without its secrets.
package struct WebhookEndpoint: Hashable, Sendable {
    package let id: UUID
    package let programme: String
    package let partnerID: UUID
    package let url: String
    package let description: String?
    package let eventTypes: [String]
    package let isEnabled: Bool
    package let disabledReason: String?
    package let timeout: Duration
    /// Nothing is sent to it before, if it is set and has not passed.
    package let pausedUntil: EpochMilliseconds?
    /// How long the secret before the current one signs too.
    package let previousSecretUntil: EpochMilliseconds?
    package let createdAt: EpochMilliseconds

    init(_ row: PostgresRow) throws {
        id = try row.uuid(0)
        programme = try row.text(1)
        partnerID = try row.uuid(2)
        url = try row.text(3)
        description = try row.optionalText(4)
        eventTypes = try row.texts(5).compactMap(\.self)
        isEnabled = try row.bool(6)
        disabledReason = try row.optionalText(7)
        timeout = .milliseconds(try row.int(8))
        pausedUntil = try row.optionalTimestamp(9)
        previousSecretUntil = try row.optionalTimestamp(10)
        createdAt = try row.timestamp(11)
    }
}

/// The statements of endpoints.
enum EndpointStatements {
    /// Inserts nothing when the partner is not one of the programme.
    static let insert = PostgresStatement(
        "insert_endpoint",
        """
        INSERT INTO webhook_endpoints
            (id, programme, partner_id, url, description, event_types, timeout_ms, secret, secret_key_id)
        SELECT $1, p.programme, p.id, $4, $5::text, $6, $7, $8, $9
        FROM partners p WHERE p.id = $3 AND p.programme = $2 AND p.deleted_at IS NULL
        """)

    /// `$4` milliseconds. The right-hand sides see the row as it was.
    static let rotate = PostgresStatement(
        "rotate_endpoint",
        """
        UPDATE webhook_endpoints
        SET previous_secret = secret, previous_secret_key_id = secret_key_id,
            previous_secret_until = clock_timestamp() + $4 * interval '1 millisecond', secret = $2, secret_key_id = $3
        WHERE id = $1
        """)

    static let setEnabled = PostgresStatement(
        "set_endpoint_enabled",
        """
        UPDATE webhook_endpoints
        SET enabled = $2, disabled_reason = CASE WHEN $2 THEN NULL ELSE $3::text END,
            paused_until = CASE WHEN $2 THEN NULL ELSE paused_until END
        WHERE id = $1
        """)

    private static let columns = """
        SELECT id, programme, partner_id, url, description, event_types, enabled, disabled_reason, timeout_ms, paused_until,
               previous_secret_until, created_at
        FROM webhook_endpoints
        """

    static let list = PostgresStatement("list_endpoints", "\(columns) ORDER BY created_at, id")
    static let listOfPartner = PostgresStatement(
        "list_endpoints_of_partner", "\(columns) WHERE partner_id = $1 ORDER BY created_at, id")
}
