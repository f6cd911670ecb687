import Postgres

/// The statements of deliveries. Each works on a whole batch by arrays.
enum WebhookStatements {
    /// `$1` ids. Locks the deliveries in the order of their ids, so that two batches never wait for each other.
    static let readDeliveries = PostgresStatement(
        "read_deliveries",
        """
        SELECT d.id, d.status, d.attempt, d.next_attempt_at, d.expires_at, d.fence,
               e.id AS endpoint_id, e.enabled, e.paused_until, e.url, e.timeout_ms, e.secret, e.secret_key_id,
               CASE WHEN e.previous_secret_until > clock_timestamp() THEN e.previous_secret END AS previous_secret,
               e.previous_secret_key_id, v.id AS event_id, v.type AS event_type, v.body, clock_timestamp() AS now
        FROM webhook_deliveries d
        JOIN webhook_endpoints e ON e.id = d.endpoint_id
        JOIN webhook_events v ON v.id = d.event_id
        WHERE d.id = ANY($1) ORDER BY d.id FOR UPDATE OF d
        """)

    /// `$1` ids, `$2` fences. The attempt's row is there before anything is sent, and only for what is owed.
    static let beginAttempts = PostgresStatement(
        "begin_attempts",
        """
        WITH begun AS (
            UPDATE webhook_deliveries d SET fence = greatest(d.fence, n.fence)
            FROM unnest($1, $2) AS n (id, fence) WHERE d.id = n.id AND d.status = 'owed'
            RETURNING d.id, d.attempt + 1 AS attempt, n.fence)
        INSERT INTO webhook_attempts (delivery_id, attempt, fence) SELECT id, attempt, fence FROM begun
        ON CONFLICT DO NOTHING
        """)

    /// `$1` ids, `$2` states, `$3` reasons: of what ends without an attempt.
    static let endDeliveries = PostgresStatement(
        "end_deliveries",
        """
        UPDATE webhook_deliveries d SET status = n.status, end_reason = n.reason, ended_at = clock_timestamp()
        FROM unnest($1, $2, $3) AS n (id, status, reason) WHERE d.id = n.id AND d.status = 'owed'
        """)

    /// `$1` ids.
    static let lockDeliveries = PostgresStatement(
        "lock_deliveries", "SELECT FROM webhook_deliveries WHERE id = ANY($1) ORDER BY id FOR UPDATE")

    /// `$1` ids, `$2` fences, `$3` attempts used, `$4` states, `$5` milliseconds to the next attempt, `$6` reasons. Answers
    /// the ids that took their result: a late worker's is refused, whatever it says.
    static let recordDeliveries = PostgresStatement(
        "record_deliveries",
        """
        UPDATE webhook_deliveries d
        SET status = n.status, attempt = n.attempt, end_reason = n.reason,
            next_attempt_at = clock_timestamp() + coalesce(n.wait_ms, 0) * interval '1 millisecond',
            ended_at = CASE WHEN n.status <> 'owed' THEN clock_timestamp() END
        FROM unnest($1, $2, $3, $4, $5, $6) AS n (id, fence, attempt, status, wait_ms, reason)
        WHERE d.id = n.id AND d.status = 'owed' AND d.fence <= n.fence
        RETURNING d.id
        """)

    /// `$1` ids, `$2` attempt numbers, `$3` fences, then what was seen. An attempt's own row takes its result however late.
    static let recordAttempts = PostgresStatement(
        "record_attempts",
        """
        UPDATE webhook_attempts a
        SET finished_at = clock_timestamp(), class = n.class, http_status = n.http_status,
            remote_address = n.remote_address, reused = n.reused, dns_us = n.dns_us, connect_us = n.connect_us,
            tls_us = n.tls_us, first_byte_us = n.first_byte_us, total_us = n.total_us, answer = n.answer,
            next_attempt_at = clock_timestamp() + n.wait_ms * interval '1 millisecond', next_reason = n.next_reason
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            AS n (id, attempt, fence, class, http_status, remote_address, reused, dns_us, connect_us, tls_us, first_byte_us,
                  total_us, answer, wait_ms, next_reason)
        WHERE a.delivery_id = n.id AND a.attempt = n.attempt AND a.fence = n.fence
        """)

    /// `$1` endpoints, `$2` milliseconds. A pause is never made shorter.
    static let pauseEndpoints = PostgresStatement(
        "pause_endpoints",
        """
        UPDATE webhook_endpoints e
        SET paused_until = greatest(e.paused_until, clock_timestamp() + n.pause_ms * interval '1 millisecond')
        FROM unnest($1, $2) AS n (id, pause_ms) WHERE e.id = n.id
        """)

    /// `$1` endpoints, `$2` reasons.
    static let disableEndpoints = PostgresStatement(
        "disable_endpoints",
        """
        UPDATE webhook_endpoints e SET enabled = false, disabled_reason = n.reason
        FROM unnest($1, $2) AS n (id, reason) WHERE e.id = n.id AND e.enabled
        """)
}
