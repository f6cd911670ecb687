import Core
import Crypto
import EventLoop
import HTTPServer
import JobQueue
import Postgres
import Telemetry

/// `GET /api/v1/events/{id}`: what became of an event, by the sender's id or by ours, for the source that sent it.
///
/// Redis is asked first and PostgreSQL then: a worker commits before it acknowledges, so an event that has left the queue is
/// in the books.
@Loop
final class EventStatusRoute {
    private let directory: IngestDirectory
    private let queue: JobQueue
    private let pool: PostgresPool
    private let log = Log(component: "ingest")

    private static let statement = PostgresStatement(
        "ingest_event_status",
        """
        SELECT i.id, i.event_id, i.type, i.state, i.reason, i.accepted_at, i.stored_at, i.order_id, o.external_id,
               o.parked_since, (SELECT count(*) FROM inbound_event_conflicts c WHERE c.event_id = i.id) AS conflicts
        FROM inbound_events i LEFT JOIN orders o ON o.id = i.order_id
        WHERE i.id = ANY($1) AND i.source = $2
        """)

    init(directory: IngestDirectory, queue: JobQueue, pool: PostgresPool) {
        self.directory = directory
        self.queue = queue
        self.pool = pool
    }

    func answer(_ request: HTTPRequest, id: String) async throws(IngestRefusal) -> HTTPResponse {
        let key = try await directory.authenticate(request, scope: .eventsRead, named: "events:read")
        // A sender's id may look like one of ours, so both readings are looked up; the source decides.
        let ids = [UUID.derived("event", key.source, id)] + (UUID(id).map { [$0] } ?? [])
        do {
            for id in ids {
                if let job = try await queue.find(id.description, in: .conversions),
                    let data = Self.describe(job, source: key.source)
                {
                    return Self.response(data)
                }
            }
            if let row = try await pool.query(Self.statement, [.uuids(ids), .text(key.source)]).first {
                return Self.response(try Self.describe(row))
            }
        } catch {
            log.warning("an event's state cannot be read", ["error": .error(error)])
            throw .lookUpUnavailable
        }
        throw IngestRefusal(404, "unknown_event", "No event of this id was sent with this source's keys.")
    }

    private static func response(_ data: JSON) -> HTTPResponse { .json(200, ["success": true, "data": data]) }

    /// Nil for a job that has done its work, or that another source sent.
    private static func describe(_ job: StoredJob, source: String) -> JSON? {
        let status: String
        switch job.state {
        case .scheduled, .ready, .leased, .live: status = "waiting"
        case .dead, .quarantined: status = "dead"
        // Events have no deadline, so none is ever expired.
        case .completed, .cancelled, .expired: return nil
        }
        // A payload that cannot be read is not the caller's either.
        guard let envelope = JSON(validating: job.payload), envelope["source"]?.string == source else { return nil }
        var data = JSONObject()
        data["eventId"] = envelope["eventId"]
        data["id"] = .string(job.id)
        data["orderId"] = envelope["orderId"]
        data["type"] = envelope["type"]
        data["status"] = .string(status)
        if status == "dead", let failure = job.failures.last { data["reason"] = .string(failure.message) }
        data["acceptedAt"] = envelope["acceptedAt"]?.integer.map {
            .string(EpochMilliseconds(rawValue: $0).rfc3339)
        }
        return .object(data)
    }

    private static func describe(_ row: PostgresRow) throws(PostgresError) -> JSON {
        let type = try row.text("type")
        var status = try row.text("state")
        var data = JSONObject()
        data["eventId"] = .string(try row.text("event_id"))
        data["id"] = .string(try row.uuid("id").description)
        data["orderId"] = try row.optionalText("external_id").map(JSON.string)
        data["type"] = .string(type)
        let describesOrder = type == OrderEventType.created.rawValue || type == OrderEventType.updated.rawValue
        if status == "applied", !describesOrder, let since = try row.optionalTimestamp("parked_since") {
            status = "parked"
            data["waitingFor"] = .string(OrderEventType.created.rawValue)
            data["parkedSince"] = .string(since.rfc3339)
        }
        data["status"] = .string(status)
        data["reason"] = try row.optionalText("reason").map(JSON.string)
        data["acceptedAt"] = .string(try row.timestamp("accepted_at").rfc3339)
        data["storedAt"] = .string(try row.timestamp("stored_at").rfc3339)
        data["conversionId"] = try row.optionalUUID("order_id").map {
            .string(UUID.derived("conversion", $0.description).description)
        }
        // The same event id came again with other content, so often.
        let conflicts = try row.int("conflicts")
        if conflicts > 0 { data["conflicts"] = JSON(integer: conflicts) }
        return .object(data)
    }
}
