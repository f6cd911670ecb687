import Core
import EventLoop
import Postgres

/// The parts of an order's story as PostgreSQL has them, in the shape that programs get. `docs/inspector.md` names it.
enum StorySections {
    @Loop static func read(_ pool: PostgresPool, _ id: UUID) async throws -> JSON {
        var story: [(String, JSON)] = []
        for (name, statement) in sections {
            let rows = try await pool.query(statement, [.uuid(id)])
            let values = try rows.map { try $0.json(0) }
            let isSingle = name == "order" || name == "conversion"
            story.append((name, isSingle ? values.first ?? .null : .array(values)))
        }
        return .object(JSONObject(story))
    }

    private static let sections: [(String, PostgresStatement)] = [
        (
            "order",
            PostgresStatement(
                "story_order",
                """
                SELECT jsonb_build_object('id', id, 'externalId', external_id, 'source', source, 'programme', programme,
                    'factsSeq', facts_seq, 'pricedSeq', priced_seq, 'parkedSince', parked_since, 'touchDueAt', touch_due_at,
                    'createdAt', created_at)
                FROM orders WHERE id = $1
                """)
        ),
        (
            "facts",
            PostgresStatement(
                "story_facts",
                """
                SELECT jsonb_build_object('seq', seq, 'kind', kind, 'key', fact_key, 'occurredAt', occurred_at,
                    'acceptedAt', accepted_at, 'data', data)
                FROM order_facts WHERE order_id = $1 ORDER BY seq
                """)
        ),
        (
            "conversion",
            PostgresStatement(
                "story_conversion",
                """
                SELECT jsonb_build_object('id', id, 'status', status, 'partnerId', partner_id, 'orderAmountMinor', order_amount,
                    'currency', currency, 'refundedAmountMinor', refunded_amount, 'cancelledAt', cancelled_at,
                    'confirmedAt', confirmed_at, 'cancellationReason', cancellation_reason, 'reason', reason,
                    'attribution', attribution)
                FROM conversion_events WHERE order_id = $1
                """)
        ),
        (
            "commissions",
            PostgresStatement(
                "story_commissions",
                """
                SELECT jsonb_build_object('id', c.id, 'partnerId', partner_id, 'referralCode', p.referral_code, 'status', status,
                    'amountMinor', commission_amount, 'currency', currency, 'holdUntil', hold_until, 'reason', reason,
                    'paymentMethod', payment_method, 'paymentReference', payment_reference, 'metadata', metadata,
                    'trace', trace, 'version', version)
                FROM partner_commissions c JOIN partners p ON p.id = c.partner_id WHERE order_id = $1 ORDER BY partner_id
                """)
        ),
        (
            "ledger",
            PostgresStatement(
                "story_ledger",
                """
                SELECT jsonb_build_object('kind', kind, 'debit', debit_account, 'credit', credit_account, 'amountMinor', amount,
                    'currency', currency, 'factsFrom', facts_from, 'factsTo', facts_to, 'at', created_at,
                    'partnerId', partner_id)
                FROM ledger_entries WHERE order_id = $1 ORDER BY id
                """)
        ),
        (
            "audit",
            PostgresStatement(
                "story_audit",
                """
                SELECT jsonb_build_object('action', action, 'by', user_id, 'changes', changes, 'reason', reason,
                    'at', created_at)
                FROM audit_logs WHERE entity_id IN (SELECT id FROM partner_commissions WHERE order_id = $1)
                ORDER BY created_at, id
                """)
        ),
        (
            "deliveries",
            PostgresStatement(
                "story_deliveries",
                """
                SELECT jsonb_build_object('id', d.id, 'eventId', d.event_id, 'type', e.type, 'endpointId', d.endpoint_id,
                    'url', p.url, 'status', d.status, 'attempt', d.attempt, 'nextAttemptAt', d.next_attempt_at,
                    'endReason', d.end_reason, 'createdAt', d.created_at, 'endedAt', d.ended_at, 'lastAttempt', (
                        SELECT jsonb_build_object('startedAt', a.started_at, 'class', a.class, 'httpStatus', a.http_status)
                        FROM webhook_attempts a WHERE a.delivery_id = d.id ORDER BY a.attempt DESC, a.fence DESC LIMIT 1))
                FROM webhook_deliveries d
                JOIN webhook_events e ON e.id = d.event_id JOIN webhook_endpoints p ON p.id = d.endpoint_id
                WHERE e.order_id = $1 ORDER BY d.created_at, d.id
                """)
        ),
        (
            // Events that changed nothing, and why.
            "otherEvents",
            PostgresStatement(
                "story_other_events",
                """
                SELECT jsonb_build_object('id', id, 'eventId', event_id, 'type', type, 'state', state, 'reason', reason,
                    'acceptedAt', accepted_at)
                FROM inbound_events WHERE order_id = $1 AND state <> 'applied' ORDER BY accepted_at, id LIMIT 100
                """)
        ),
        (
            "partners",
            PostgresStatement(
                "story_partners",
                """
                SELECT jsonb_build_object('id', p.id, 'referralCode', p.referral_code, 'name', p.name, 'tier', p.tier)
                FROM partners p
                WHERE p.id IN (SELECT partner_id FROM partner_commissions WHERE order_id = $1
                    UNION SELECT (share ->> 'partnerId')::uuid FROM conversion_events c,
                        jsonb_array_elements(coalesce(c.attribution -> 'shares', '[]')) AS share WHERE c.order_id = $1)
                ORDER BY p.referral_code
                """)
        ),
    ]
}
