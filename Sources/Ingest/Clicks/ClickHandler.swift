import Core
package import EventLoop
package import Fleet
package import JobQueue
package import Postgres
import Telemetry

/// Writes clicks in bulk: one statement a batch, written so that doing it again changes nothing.
///
/// A click whose partner PostgreSQL does not know ends dead: the ingest's directory was wrong about it, or the partner's row
/// is gone.
@Loop
package final class ClickHandler: JobHandler {
    package let kinds: Set<String>? = [Click.jobKind]

    private let pool: PostgresPool
    private let written = Counter("clicks_written_total", "Clicks written, by status.", labels: ["status"])

    package init(pool: PostgresPool) { self.pool = pool }

    /// The whole of the click worker's set-up.
    package static func setUp(_ fleet: FleetProcess) { fleet.work(.clicks, ClickHandler(pool: fleet.postgres)) }

    /// Answers the positions (from 1) of clicks whose partner is unknown. The code and the programme are the partner's own:
    /// what the ingest knew by heart decides nothing here.
    private static let statement = PostgresStatement(
        "insert_clicks",
        """
        WITH clicks AS (
            SELECT * FROM unnest(
                $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::bytea[], $16::text[],
                $17::timestamptz[])
            WITH ORDINALITY AS c (
                id, partner_id, product_id, campaign, medium, source, session_id, fingerprint, customer_id, referer,
                status, bot_detection_reason, original_click_id, ip_prefix, ip_hash, user_agent, clicked_at, position)
        ), written AS (
            INSERT INTO referral_clicks (
                id, programme, partner_id, referral_code, product_id, campaign, medium, source, session_id, fingerprint,
                customer_id, referer, status, bot_detection_reason, original_click_id, ip_prefix, ip_hash, user_agent,
                clicked_at)
            SELECT c.id, p.programme, p.id, p.referral_code, c.product_id, c.campaign, c.medium, c.source, c.session_id,
                   c.fingerprint, c.customer_id, c.referer, c.status, c.bot_detection_reason, c.original_click_id,
                   c.ip_prefix, c.ip_hash, c.user_agent, c.clicked_at
            FROM clicks c JOIN partners p ON p.id = c.partner_id
            ON CONFLICT (id) DO NOTHING
        )
        SELECT c.position FROM clicks c WHERE NOT EXISTS (SELECT 1 FROM partners p WHERE p.id = c.partner_id)
        """)

    package func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        var outcomes: [JobOutcome] = []
        outcomes.reserveCapacity(batch.count)
        var clicks: [(index: Int, click: Click)] = []
        clicks.reserveCapacity(batch.count)
        for (index, job) in batch.enumerated() {
            do {
                clicks.append((index, try Click(payload: job.payload)))
                outcomes.append(.completed())
            } catch {
                outcomes.append(.dead(reason: "no click: \(error)"))
            }
        }
        guard !clicks.isEmpty else { return outcomes }
        for row in try await pool.query(Self.statement, Self.parameters(clicks.map(\.click))) {
            let position = Int(try row.int(0)) - 1
            outcomes[clicks[position].index] = .dead(reason: "unknown partner \(clicks[position].click.partnerID)")
        }
        for status in ClickStatus.allCases {
            let count = clicks.count { $0.click.status == status }
            if count > 0 { written.add(count, [status.rawValue]) }
        }
        return outcomes
    }

    private static func parameters(_ clicks: [Click]) -> [PostgresValue] {
        [
            .uuids(clicks.map(\.id)), .uuids(clicks.map(\.partnerID)), .texts(clicks.map(\.productID)),
            .texts(clicks.map(\.campaign)), .texts(clicks.map(\.medium)), .texts(clicks.map(\.source)),
            .texts(clicks.map(\.sessionID)), .texts(clicks.map(\.fingerprint)), .texts(clicks.map(\.customerID)),
            .texts(clicks.map(\.referer)), .texts(clicks.map(\.status.rawValue)), .texts(clicks.map(\.botReason)),
            .uuids(clicks.map(\.originalID)), .texts(clicks.map(\.addressPrefix)),
            .bytesArray(clicks.map(\.addressHash)), .texts(clicks.map(\.userAgent)),
            .timestamps(clicks.map(\.clickedAt)),
        ]
    }
}
