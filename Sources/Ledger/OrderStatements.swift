import Postgres

/// The statements of the order step: everything that reads or writes an order's facts, conversion, money and trail.
///
/// Each works on a whole batch by arrays, and doing it again changes nothing. The order in which they run is the design's:
/// make sure the rows exist, lock them in a statement of its own sorted by id, and only then read facts and sums, because in
/// READ COMMITTED a statement's snapshot is taken when it starts, and one taken before the lock would be too old.
enum OrderStatements {
    /// `$1` ids sorted, `$2` programmes, `$3` sources, `$4` external ids.
    static let ensureOrders = PostgresStatement(
        "ensure_orders",
        """
        INSERT INTO orders (id, programme, source, external_id)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
        ON CONFLICT (id) DO NOTHING
        """)

    /// `$1` ids. Waits for whoever works on one of them; the sort keeps two batches from waiting for each other.
    static let lockOrders = PostgresStatement(
        "lock_orders",
        """
        SELECT id, programme, source, external_id, facts_seq, priced_seq, catalogue, touch_due_at, parked_since
        FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
        """)

    /// ``lockOrders`` without its lock: a test's broken variant, to show that the lock is what keeps the books.
    static let readOrdersUnlocked = PostgresStatement(
        "read_orders_unlocked",
        """
        SELECT id, programme, source, external_id, facts_seq, priced_seq, catalogue, touch_due_at, parked_since
        FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id
        """)

    /// `$1` order ids.
    static let readFacts = PostgresStatement(
        "read_facts",
        """
        SELECT order_id, seq, kind, fact_key, digest, occurred_at, accepted_at, data
        FROM order_facts WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, seq
        """)

    /// `$1` ids of inbound events.
    static let readInboundDigests = PostgresStatement(
        "read_inbound_digests", "SELECT id, digest FROM inbound_events WHERE id = ANY($1::uuid[])")

    /// Conversions of `$1` order ids.
    static let readConversions = PostgresStatement(
        "read_conversions",
        """
        SELECT order_id, id, partner_id, status, refunded_amount, version
        FROM conversion_events WHERE order_id = ANY($1::uuid[])
        """)

    /// Commissions of `$1` order ids with what the ledger says was earned, and what stands in each account: a row for each
    /// currency that a commission has entries in, one after the other.
    static let readCommissions = PostgresStatement(
        "read_commissions",
        """
        SELECT c.order_id, c.id, c.partner_id, c.policy_id, c.status, c.commission_amount, c.currency, c.hold_until, c.reason,
               c.metadata, c.version,
               coalesce(l.earned, 0)::bigint AS earned, coalesce(l.pending, 0)::bigint AS pending,
               coalesce(l.confirmed, 0)::bigint AS confirmed, coalesce(l.paid, 0)::bigint AS paid,
               c.cancelled_at, l.currency
        FROM partner_commissions c
        LEFT JOIN LATERAL (
            SELECT e.currency,
                   sum(CASE WHEN e.debit_account = 'programme_expense' THEN e.amount
                            WHEN e.credit_account = 'programme_expense' THEN -e.amount ELSE 0 END) AS earned,
                   sum(CASE WHEN e.credit_account = 'partner_pending' THEN e.amount
                            WHEN e.debit_account = 'partner_pending' THEN -e.amount ELSE 0 END) AS pending,
                   sum(CASE WHEN e.credit_account = 'partner_confirmed' THEN e.amount
                            WHEN e.debit_account = 'partner_confirmed' THEN -e.amount ELSE 0 END) AS confirmed,
                   sum(CASE WHEN e.credit_account = 'partner_paid' THEN e.amount
                            WHEN e.debit_account = 'partner_paid' THEN -e.amount ELSE 0 END) AS paid
            FROM ledger_entries e WHERE e.order_id = c.order_id AND e.commission_id = c.id
            GROUP BY e.currency
        ) l ON true
        WHERE c.order_id = ANY($1::uuid[])
        ORDER BY c.order_id, c.partner_id, l.currency
        """)

    static let insertInbound = PostgresStatement(
        "insert_inbound",
        """
        INSERT INTO inbound_events (id, programme, source, event_id, type, order_id, digest, payload, state, reason, accepted_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bytea[], $8::bytea[],
                             $9::text[], $10::text[], $11::timestamptz[])
        ON CONFLICT (id) DO NOTHING
        """)

    static let insertInboundConflicts = PostgresStatement(
        "insert_inbound_conflicts",
        """
        INSERT INTO inbound_event_conflicts (event_id, digest, payload, accepted_at)
        SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::timestamptz[])
        ON CONFLICT (event_id, digest) DO NOTHING
        """)

    static let insertFacts = PostgresStatement(
        "insert_facts",
        """
        INSERT INTO order_facts (order_id, seq, kind, fact_key, event_id, digest, occurred_at, accepted_at, data)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::timestamptz[],
                             $8::timestamptz[], $9::jsonb[])
        """)

    /// `$1` order ids, then the new numbers, the frozen catalogue (NULL: as it was), when to look again, parked since when.
    static let updateOrders = PostgresStatement(
        "update_orders",
        """
        UPDATE orders AS o
        SET facts_seq = n.facts_seq, priced_seq = n.priced_seq, catalogue = coalesce(n.catalogue, o.catalogue),
            touch_due_at = n.touch_due_at, parked_since = n.parked_since,
            owed_since = CASE WHEN n.priced_seq < n.facts_seq THEN coalesce(o.owed_since, clock_timestamp()) END
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[])
            AS n (id, facts_seq, priced_seq, catalogue, touch_due_at, parked_since)
        WHERE o.id = n.id
        """)

    static let upsertConversions = PostgresStatement(
        "upsert_conversions",
        """
        INSERT INTO conversion_events AS c
            (id, programme, order_id, external_order_id, idempotency_key, partner_id, referral_click_id, referral_code,
             product_id, customer_id, is_new_customer, quantity, product_price, order_amount, currency, refunded_amount,
             refunded_quantity, status, attribution, reason, cancellation_reason, converted_at, confirmed_at, cancelled_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
                             $9::text[], $10::text[], $11::boolean[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[],
                             $16::bigint[], $17::bigint[], $18::text[], $19::jsonb[], $20::text[], $21::text[],
                             $22::timestamptz[], $23::timestamptz[], $24::timestamptz[])
        ON CONFLICT (id) DO UPDATE SET
            partner_id = excluded.partner_id, referral_click_id = excluded.referral_click_id,
            referral_code = excluded.referral_code, product_id = excluded.product_id, customer_id = excluded.customer_id,
            is_new_customer = excluded.is_new_customer, quantity = excluded.quantity,
            product_price = excluded.product_price, order_amount = excluded.order_amount, currency = excluded.currency,
            refunded_amount = excluded.refunded_amount, refunded_quantity = excluded.refunded_quantity,
            status = excluded.status, attribution = excluded.attribution, reason = excluded.reason,
            cancellation_reason = excluded.cancellation_reason, converted_at = excluded.converted_at,
            confirmed_at = excluded.confirmed_at, cancelled_at = excluded.cancelled_at,
            version = c.version + 1, updated_at = clock_timestamp()
        """)

    static let insertCommissions = PostgresStatement(
        "insert_commissions",
        """
        INSERT INTO partner_commissions
            (id, programme, order_id, external_order_id, conversion_id, partner_id, policy_id, commission_amount,
             currency, status, reason, hold_until, trace, metadata, cancelled_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[],
                             $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::jsonb[], $14::jsonb[],
                             $15::timestamptz[])
        """)

    /// Guarded by the version that was read under the order's lock; whoever moved it in between makes this touch no row.
    static let updateCommissions = PostgresStatement(
        "update_commissions",
        """
        UPDATE partner_commissions AS c
        SET commission_amount = n.amount, currency = n.currency, status = n.status, reason = n.reason,
            trace = coalesce(n.trace, c.trace), metadata = n.metadata, policy_id = n.policy_id, hold_until = coalesce(c.hold_until, n.hold_until),
            cancelled_at = n.cancelled_at, confirmed_at = coalesce(n.confirmed_at, c.confirmed_at),
            paid_at = coalesce(n.paid_at, c.paid_at), payment_method = coalesce(n.payment_method, c.payment_method),
            payment_reference = coalesce(n.payment_reference, c.payment_reference),
            version = c.version + 1, updated_at = clock_timestamp()
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::uuid[],
                    $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[],
                    $15::text[])
            AS n (id, version, amount, status, reason, trace, metadata, policy_id, hold_until, cancelled_at, confirmed_at,
                  paid_at, payment_method, payment_reference, currency)
        WHERE c.id = n.id AND c.version = n.version
        """)

    static let insertLedgerEntries = PostgresStatement(
        "insert_ledger_entries",
        """
        INSERT INTO ledger_entries
            (order_id, partner_id, commission_id, kind, debit_account, credit_account, currency, amount, facts_from, facts_to)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                             $9::bigint[], $10::bigint[])
        """)

    static let insertAudit = PostgresStatement(
        "insert_audit",
        """
        INSERT INTO audit_logs (id, entity_type, entity_id, action, user_id, changes, reason, ip_address)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[])
        """)

    /// Endpoints of `$1` partner ids that are enabled.
    static let readEndpoints = PostgresStatement(
        "read_endpoints",
        "SELECT id, partner_id, event_types FROM webhook_endpoints WHERE enabled AND partner_id = ANY($1::uuid[])")

    static let insertWebhookEvents = PostgresStatement(
        "insert_webhook_events",
        """
        INSERT INTO webhook_events (id, programme, partner_id, type, order_id, body)
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::bytea[])
        ON CONFLICT (id) DO NOTHING
        """)

    static let insertDeliveries = PostgresStatement(
        "insert_deliveries",
        """
        INSERT INTO webhook_deliveries (id, event_id, endpoint_id)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[])
        ON CONFLICT (id) DO NOTHING
        """)
}
