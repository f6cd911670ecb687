import Core
import EventLoop
import JobQueue
import Ledger
import Postgres

/// `order` and `event`: the whole story of an order, and what became of an event.
enum OrderCommands {
    static let all = [order, event]

    static let order = Command(
        "order", .orders,
        "Tells an order's whole story: what happened, who is paid what and why.",
        words: [CommandWord("order id", "the shop's id of it, or its uuid")],
        options: [.value("source", "NAME", "whose order, where several sources use the same ids")],
        examples: ["order order-001", "order 1001 --source acme --json"]
    ) { session, arguments in
        let pool = try await session.postgres()
        let id = try await orderID(pool, arguments.word(0), source: arguments.optional("source"))
        let json = try await StorySections.read(pool, id)
        return Answer(json, OrderStory(json).page)
    }

    private static func orderID(_ pool: PostgresPool, _ word: String, source: String?) async throws -> UUID {
        let rows = try await pool.query(
            PostgresStatement(
                "find_orders",
                """
                SELECT id, source FROM orders
                WHERE (external_id = $1 OR id = $3::uuid) AND ($2::text IS NULL OR source = $2) ORDER BY source
                """), [.text(word), .optional(source) { .text($0) }, .optional(UUID(word)) { .uuid($0) }])
        guard let row = rows.first else {
            throw Refusal(
                "there is no order \(word)\(source.map { " of \($0)" } ?? ""): its first event may still wait, see `tributary queues`"
            )
        }
        guard rows.count == 1 else {
            let sources = try rows.map { try $0.text(1) }.joined(separator: ", ")
            throw Refusal("\(rows.count) sources have an order \(word): name one by --source (\(sources))")
        }
        return try row.uuid(0)
    }

    static let event = Command(
        "event", .orders,
        "Says what became of an event, and why.",
        words: [CommandWord("event", "<source>/<event id>, or the event's uuid")],
        examples: ["event shop-1/evt-1", "event 0d3f6c1e-2b4a-5c6d-8e7f-90a1b2c3d4e5"]
    ) { session, arguments in
        let word = arguments.word(0)
        let parts = word.split(separator: "/", maxSplits: 1).map(String.init)
        guard
            let id = parts.count == 2 ? EventEnvelope.eventID(source: parts[0], externalEventID: parts[1]) : UUID(word)
        else { throw Arguments.Usage("name the event as <source>/<event id> or by its uuid") }
        if let json = try await JobTrail.event(try await session.postgres(), id) {
            return Answer(json, eventPage(json))
        }
        guard let job = try await session.queue().find(id.description, in: .conversions) else {
            throw Refusal(
                "there is no event \(word); ids of events are those that the sender gave, with its source before the /")
        }
        return Answer(
            [
                "id": .string(id.description), "state": "waiting", "job": .string(job.state.rawValue),
                "lastFailure": job.failures.last.map { .string($0.message) } ?? .null,
            ],
            [
                "Event \(word, .bold): \("waiting", .notice)",
                "  its job is \(job.state.rawValue): tributary job \(job.id)",
            ])
    }

    private static func eventPage(_ json: JSON) -> Page {
        let state = json["state"]?.plain ?? ""
        let style: TextStyle = state == "applied" ? .good : state == "refused" ? .bad : .notice
        var page = Page([
            "Event \((json["source"]?.plain ?? "") + "/" + (json["eventId"]?.plain ?? ""), .bold): \(state, style)"
        ])
        if let reason = json["reason"], !reason.isNull { page.add("  because  \(reason.plain)") }
        page.add("  type     \(json["type"]?.plain ?? "")")
        if let order = json["orderId"]?.string {
            page.add("  order    \(order)  (tributary order \(order) --source \(json["source"]?.plain ?? ""))")
        }
        page.add("  accepted \(json["acceptedAt"]?.instant?.shown ?? "-")")
        page.add("  stored   \(json["storedAt"]?.instant?.shown ?? "-")")
        page.add("  id       \(json["id"]?.plain ?? "")")
        return page
    }
}

extension JSON {
    /// A value as people read it.
    var plain: String {
        switch self {
        case .null: "-"
        case .string(let text): text
        default: text
        }
    }

    /// As PostgreSQL writes a timestamp into JSON.
    var instant: EpochMilliseconds? { string.flatMap { EpochMilliseconds(rfc3339: $0) } }
}
