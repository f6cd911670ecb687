import Commissions
import Core
import Postgres

/// A search for the clicks of many orders at once: those that orders name, and the last valid ones by the same visitor.
struct TouchSearch {
    /// Rows: order's index, click id, partner id, referral code, time, status, evidence. Each branch is an index look-up.
    static let statement = PostgresStatement(
        "search_touches",
        """
        SELECT n.index, c.id, c.partner_id, c.referral_code, c.clicked_at, c.status, 'click' AS evidence
        FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS n (index, programme, click_id)
        JOIN referral_clicks c ON c.id = n.click_id AND c.programme = n.programme
        UNION ALL
        SELECT n.index, c.id, c.partner_id, c.referral_code, c.clicked_at, c.status, c.evidence
        FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[],
                    $11::timestamptz[])
            AS n (index, programme, code, session_id, customer_id, fingerprint, earliest, latest)
        JOIN partners p ON p.programme = n.programme AND p.referral_code = n.code
        CROSS JOIN LATERAL (
            (SELECT r.id, r.partner_id, r.referral_code, r.clicked_at, r.status, 'session' AS evidence
             FROM referral_clicks r
             WHERE r.partner_id = p.id AND r.session_id = n.session_id AND r.status = 'valid'
               AND r.clicked_at BETWEEN n.earliest AND n.latest
             ORDER BY r.clicked_at DESC, r.id DESC LIMIT 1)
            UNION ALL
            (SELECT r.id, r.partner_id, r.referral_code, r.clicked_at, r.status, 'customer'
             FROM referral_clicks r
             WHERE r.partner_id = p.id AND r.customer_id = n.customer_id AND r.status = 'valid'
               AND r.clicked_at BETWEEN n.earliest AND n.latest
             ORDER BY r.clicked_at DESC, r.id DESC LIMIT 1)
            UNION ALL
            (SELECT r.id, r.partner_id, r.referral_code, r.clicked_at, r.status, 'fingerprint'
             FROM referral_clicks r
             WHERE r.partner_id = p.id AND r.fingerprint = n.fingerprint AND r.status = 'valid'
               AND r.clicked_at BETWEEN n.earliest AND n.latest
             ORDER BY r.clicked_at DESC, r.id DESC LIMIT 1)
        ) c
        """)

    /// Indices of the orders that name a click.
    private(set) var naming: [Int] = []
    private var named: (indices: [Int64?], programmes: [String?], clicks: [UUID?]) = ([], [], [])
    private var visitors: [Visitor] = []

    private struct Visitor {
        let index: Int
        let programme: String
        let version: OrderVersion
        let earliest: EpochMilliseconds
        let latest: EpochMilliseconds
    }

    var isEmpty: Bool { naming.isEmpty && visitors.isEmpty }

    mutating func add(_ index: Int, _ order: LockedOrder, _ state: OrderState, _ programme: Programme) {
        guard let version = state.choice, let convertedAt = state.convertedAt else { return }
        if version.clickID != nil {
            naming.append(index)
            if let clickID = state.awaitedClickID {
                named.indices.append(Int64(index))
                named.programmes.append(order.programme)
                named.clicks.append(clickID)
            }
        }
        guard version.referralCode != nil,
            version.sessionID != nil || version.customerID != nil || version.fingerprint != nil
        else { return }
        visitors.append(
            Visitor(
                index: index, programme: order.programme, version: version, earliest: convertedAt - programme.window,
                latest: convertedAt + programme.tolerance))
    }

    var parameters: [PostgresValue] {
        [
            .int8s(named.indices), .texts(named.programmes), .uuids(named.clicks),
            .int8s(visitors.map { Int64($0.index) }), .texts(visitors.map(\.programme)),
            .texts(visitors.map(\.version.referralCode)), .texts(visitors.map(\.version.sessionID)),
            .texts(visitors.map(\.version.customerID)), .texts(visitors.map(\.version.fingerprint)),
            .timestamps(visitors.map(\.earliest)), .timestamps(visitors.map(\.latest)),
        ]
    }
}
