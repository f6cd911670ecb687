import Core
import EventLoop
import Postgres

/// What PostgreSQL knows of a job, while it waits and after it has left its queue: the row that its id names.
///
/// Ids of jobs are derived from the rows that owe them (`OwedJobs.swift`, `DeliveryJob.swift`), those of events and clicks are
/// the rows' own.
struct JobTrail {
    /// Such as `delivery`.
    let what: String
    let row: JSON

    @Loop static func read(_ pool: PostgresPool, jobID: String) async throws -> JobTrail? {
        for (prefix, what, statement) in byPrefix where jobID.hasPrefix(prefix) {
            guard let id = UUID(String(jobID.dropFirst(prefix.count).prefix(36))) else { continue }
            return try await first(pool, what, statement, id)
        }
        guard let id = UUID(jobID) else { return nil }
        if let event = try await event(pool, id) { return JobTrail(what: "event", row: event) }
        if let click = try await first(pool, "click", clicks, id) { return click }
        return try await first(pool, "unusable hook", unusableHooks, id)
    }

    /// An event of an order system; parked is said of an applied one whose order is parked.
    @Loop static func event(_ pool: PostgresPool, _ id: UUID) async throws -> JSON? {
        try await pool.query(events, [.uuid(id)]).first?.json(0)
    }

    @Loop private static func first(
        _ pool: PostgresPool, _ what: String, _ statement: PostgresStatement, _ id: UUID
    ) async throws -> JobTrail? {
        guard let row = try await pool.query(statement, [.uuid(id)]).first else { return nil }
        return JobTrail(what: what, row: try row.json(0))
    }

    var page: Page {
        var page = Page(["", "\("In PostgreSQL", .bold): the \(what)"])
        var table = Table(
            columns: [.init(heading: ""), .init(heading: "", isElastic: true, isWrapped: true)], indent: 2,
            hasHeadings: false)
        for member in row.object?.members ?? [] where !member.value.isNull && member.key != Self.attempts {
            let text = member.value.instant?.shown ?? member.value.plain
            table.rows.append(["\(member.key, .dim)", "\(text)"])
        }
        page.add(table)
        if let attempts = row[Self.attempts]?.array, !attempts.isEmpty {
            page.heading("\("What was tried", .bold) (the last \(attempts.count))")
            page.add(Self.table(ofAttempts: attempts))
        }
        if let order = row["orderId"]?.string { page.add("  See also: tributary order \(order)") }
        return page
    }

    /// The member of a row that holds what was tried, oldest first.
    private static let attempts = "attempts"

    private static func table(ofAttempts attempts: [JSON]) -> Table {
        var table = Table(
            columns: [
                .init(heading: ""), .init(heading: ""), .init(heading: ""), .init(heading: "", isRight: true),
                .init(heading: "", isElastic: true),
            ],
            indent: 2, hasHeadings: false)
        table.rows = attempts.map { attempt in
            let status = attempt["httpStatus"]?.integer.map { "http \($0)" }
            let kind = attempt["class"]?.string
            let isGood = attempt["httpStatus"]?.integer.map { (200...299).contains($0) } ?? false
            let what = [status, kind].compactMap(\.self).joined(separator: ", ")
            return [
                "\(attempt["at"]?.instant?.shown ?? "-", .dim)", "attempt \(attempt["attempt"]?.integer ?? 0)",
                "\(what.isEmpty ? "not finished" : what, isGood ? .good : .bad)",
                "\(attempt["tookMs"]?.integer.map { "\($0) ms" } ?? "-")", "\(attempt["next"]?.string ?? "")",
            ]
        }
        return table
    }

    private static let events = PostgresStatement(
        "trail_event",
        """
        SELECT jsonb_build_object('id', e.id, 'source', e.source, 'eventId', e.event_id, 'type', e.type,
            'state', CASE WHEN e.state = 'applied' AND o.parked_since IS NOT NULL THEN 'parked' ELSE e.state END,
            'reason', e.reason, 'orderId', o.external_id, 'acceptedAt', e.accepted_at, 'storedAt', e.stored_at)
        FROM inbound_events e LEFT JOIN orders o ON o.id = e.order_id WHERE e.id = $1
        """)
    private static let clicks = PostgresStatement(
        "trail_click",
        """
        SELECT jsonb_build_object('id', id, 'referralCode', referral_code, 'status', status,
            'botReason', bot_detection_reason, 'repeats', original_click_id, 'clickedAt', clicked_at,
            'storedAt', created_at)
        FROM referral_clicks WHERE id = $1
        """)
    private static let unusableHooks = PostgresStatement(
        "trail_unusable_hook",
        """
        SELECT jsonb_build_object('id', id, 'source', source, 'topic', topic, 'reason', reason, 'acceptedAt', accepted_at)
        FROM unusable_hooks WHERE id = $1
        """)
    private static let orders = PostgresStatement(
        "trail_order",
        """
        SELECT jsonb_build_object('orderId', o.external_id, 'source', o.source, 'id', o.id, 'factsSeq', o.facts_seq,
            'pricedSeq', o.priced_seq, 'owedSince', o.owed_since, 'commissions', (
                SELECT string_agg(p.referral_code || ' ' || c.status || ' ' || c.commission_amount || ' minor ' || c.currency,
                    ', ' ORDER BY p.referral_code)
                FROM partner_commissions c JOIN partners p ON p.id = c.partner_id WHERE c.order_id = o.id))
        FROM orders o WHERE o.id = $1
        """)
    private static let deliveries = PostgresStatement(
        "trail_delivery",
        """
        SELECT jsonb_build_object('id', d.id, 'eventId', d.event_id, 'type', e.type, 'url', p.url, 'status', d.status,
            'attempt', d.attempt, 'nextAttemptAt', CASE WHEN d.status = 'owed' THEN d.next_attempt_at END,
            'endReason', d.end_reason, 'endedAt', d.ended_at, 'orderId', o.external_id, 'attempts', (
                SELECT jsonb_agg(jsonb_build_object('attempt', a.attempt, 'at', a.started_at, 'class', a.class,
                    'httpStatus', a.http_status, 'tookMs', a.total_us / 1000, 'next', a.next_reason)
                    ORDER BY a.attempt, a.fence)
                FROM (SELECT * FROM webhook_attempts WHERE delivery_id = d.id ORDER BY attempt DESC, fence DESC LIMIT 20) a))
        FROM webhook_deliveries d
        JOIN webhook_events e ON e.id = d.event_id JOIN webhook_endpoints p ON p.id = d.endpoint_id
        LEFT JOIN orders o ON o.id = e.order_id WHERE d.id = $1
        """)
    private static let notifications = PostgresStatement(
        "trail_notification",
        """
        SELECT jsonb_build_object('id', id, 'channel', channel, 'kind', kind, 'subject', subject, 'status', status,
            'attempt', attempt, 'lastError', last_error, 'sentAt', sent_at, 'createdAt', created_at)
        FROM notifications WHERE id = $1
        """)
    private static let runs = PostgresStatement(
        "trail_run",
        """
        SELECT jsonb_build_object('id', id, 'batch', batch, 'businessDate', business_date, 'state', state,
            'selected', selected, 'confirmed', confirmed, 'now', now, 'finishedAt', finished_at)
        FROM batch_runs WHERE id = $1
        """)

    private static let byPrefix: [(String, String, PostgresStatement)] = [
        ("price-", "order", orders), ("delivery-", "delivery", deliveries),
        ("notification-", "notification", notifications), ("batch-", "run", runs),
    ]
}
