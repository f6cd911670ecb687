import Core
import EventLoop
import JobQueue
import Ledger
import Postgres

/// `order` and `event`: the whole story of an order, and what became of an event.
enum OrderCommands {
    static let all = [order, event]

    static let order = Command(
        "order", "Tells an order's whole story: facts, conversion, commissions and why, ledger, audit, deliveries.",
        usage: "<order id or uuid> [--source NAME]", examples: ["order order-001", "order 1001 --source acme --json"],
        options: ["source"]
    ) { session, arguments in
        let pool = try await session.postgres()
        let id = try await orderID(pool, try arguments.word(0, "order id"), source: arguments.optional("source"))
        var story: [(String, JSON)] = []
        for (name, statement) in sections {
            let rows = try await pool.query(statement, [.uuid(id)])
            let values = try rows.map { try $0.json(0) }
            let isSingle = name == "order" || name == "conversion"
            story.append((name, isSingle ? values.first ?? .null : .array(values)))
        }
        let json = JSON.object(JSONObject(story))
        return Answer(json, OrderStory(json).lines)
    }

    private static func orderID(_ pool: PostgresPool, _ word: String, source: String?) async throws -> UUID {
        let rows = try await pool.query(
            PostgresStatement(
                "find_orders",
                """
                SELECT id, source FROM orders
                WHERE (external_id = $1 OR id::text = $1) AND ($2::text IS NULL OR source = $2) ORDER BY source
                """), [.text(word), .optional(source) { .text($0) }])
        guard let row = rows.first else { throw Refusal("there is no order \(word)") }
        guard rows.count == 1 else {
            let sources = try rows.map { try $0.text(1) }.joined(separator: ", ")
            throw Refusal("\(rows.count) sources have an order \(word): name one by --source (\(sources))")
        }
        return try row.uuid(0)
    }

    // Each answers JSON objects in the shape that programs get.
    private static let sections: [(String, PostgresStatement)] = [
        (
            "order",
            PostgresStatement(
                "story_order",
                """
                SELECT jsonb_build_object('id', id, 'externalId', external_id, 'source', source, 'programme', programme,
                    'factsSeq', facts_seq, 'pricedSeq', priced_seq, 'parkedSince', parked_since, 'touchDueAt', touch_due_at)
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
                    'currency', currency, 'factsFrom', facts_from, 'factsTo', facts_to, 'at', created_at)
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
                    'status', d.status, 'attempt', d.attempt, 'nextAttemptAt', d.next_attempt_at, 'endReason', d.end_reason)
                FROM webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id
                WHERE e.order_id = $1 ORDER BY d.created_at, d.id
                """)
        ),
    ]

    static let event = Command(
        "event", "Says what became of an event: waiting, applied, parked, duplicate, stale or refused, and why.",
        usage: "<source>/<event id> or <event uuid>", examples: ["event shop-1/evt-1"]
    ) { session, arguments in
        let word = try arguments.word(0, "event")
        let parts = word.split(separator: "/", maxSplits: 1).map(String.init)
        guard
            let id = parts.count == 2 ? EventEnvelope.eventID(source: parts[0], externalEventID: parts[1]) : UUID(word)
        else { throw Arguments.Usage(description: "name the event as <source>/<event id> or by its uuid") }
        let rows = try await session.postgres().query(
            PostgresStatement(
                "find_event",
                """
                SELECT jsonb_build_object('id', e.id, 'source', e.source, 'eventId', e.event_id, 'type', e.type,
                    'state', CASE WHEN e.state = 'applied' AND o.parked_since IS NOT NULL THEN 'parked' ELSE e.state END,
                    'reason', e.reason, 'orderId', o.external_id, 'acceptedAt', e.accepted_at, 'storedAt', e.stored_at)
                FROM inbound_events e LEFT JOIN orders o ON o.id = e.order_id WHERE e.id = $1
                """), [.uuid(id)])
        if let row = rows.first {
            let json = try row.json(0)
            let lines = (json.object?.members ?? []).map { "\($0.key): \($0.value.plain)" }
            return Answer(json, lines)
        }
        guard let job = try await session.queue().find(id.description, in: .conversions) else {
            throw Refusal("there is no event \(word)")
        }
        return Answer(
            ["id": .string(id.description), "state": "waiting", "job": .string(job.state.rawValue)],
            ["waiting: its job is \(job.state.rawValue)"])
    }
}

extension JSON {
    /// A value as people read it.
    var plain: String {
        switch self {
        case .null: "-"
        case .string(let text): text
        default: String(decoding: serialized(), as: UTF8.self)
        }
    }
}
