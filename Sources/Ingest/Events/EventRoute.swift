import Core
import EventLoop
import HTTPServer
import Telemetry

/// `POST /api/v1/events`: one event, a JSON array, NDJSON, or CloudEvents 1.0 in structured mode (one or a batch).
///
/// Answered 202 when Redis has said that the events are safe. In a batch the good ones pass, and each bad one is reported by
/// its index; 422 when none passed.
@Loop
final class EventRoute {
    private enum Form { case single, array, lines }

    private let directory: IngestDirectory
    private let intake: EventIntake
    private let metrics: IngestMetrics

    init(directory: IngestDirectory, intake: EventIntake, metrics: IngestMetrics) {
        self.directory = directory
        self.intake = intake
        self.metrics = metrics
    }

    func answer(_ request: HTTPRequest) async throws(IngestRefusal) -> HTTPResponse {
        let key = try await directory.authenticate(request, scope: .eventsWrite, named: "events:write")
        let known = try directory.loaded()
        switch try Self.form(of: request) {
        case .single:
            let mapper = EventMapper(directory: known, idempotencyKey: request.headers["Idempotency-Key"])
            return try await answer(try mapper.map(request.body), key)
        case .array:
            let ranges: [Range<Int>]
            do throws(JSONElements.Malformed) {
                ranges = try JSONElements.ofArray(request.body)
            } catch {
                throw IngestRefusal(
                    400, "malformed_json", "The body is not acceptable JSON: \(error.message) at byte \(error.offset).")
            }
            return try await answer(request.body, ranges, EventMapper(directory: known), key)
        case .lines:
            let ranges = JSONElements.ofLines(request.body)
            return try await answer(request.body, ranges, EventMapper(directory: known), key)
        }
    }

    private func answer(_ event: OrderEvent, _ key: Directory.APIKey) async throws(IngestRefusal) -> HTTPResponse {
        let outcomes = try await intake.take([event], programme: key.programme, source: key.source)
        switch outcomes[0] {
        case .refused(let refusal): throw refusal
        case .accepted(let accepted, let isDuplicate):
            var writer = DataWriter(capacity: 320)
            writer.set("success", true)
            writer.set("data", object: accepted) { accepted, writer in
                accepted.write(to: &writer, isDuplicate: isDuplicate)
            }
            return Self.accepted(writer.end())
        }
    }

    private func answer(
        _ body: [UInt8], _ ranges: [Range<Int>], _ mapper: EventMapper, _ key: Directory.APIKey
    ) async throws(IngestRefusal) -> HTTPResponse {
        guard !ranges.isEmpty else { throw IngestRefusal(400, "empty_batch", "The batch holds no event.") }
        guard ranges.count <= IngestLimits.batchElementsMax else {
            throw IngestRefusal(
                413, "batch_too_large",
                "The batch holds \(ranges.count) events; \(IngestLimits.batchElementsMax) is the most.")
        }
        var results: [EventIntake.Outcome?] = []
        results.reserveCapacity(ranges.count)
        var events: [OrderEvent] = []
        events.reserveCapacity(ranges.count)
        for range in ranges {
            do throws(IngestRefusal) {
                events.append(try mapper.map(Array(body[range])))
                results.append(nil)
            } catch {
                results.append(.refused(error))
            }
        }
        let refusedCount = ranges.count - events.count
        if refusedCount > 0 { metrics.refusedEvents.add(refusedCount) }
        if !events.isEmpty {
            var outcomes = try await intake.take(events, programme: key.programme, source: key.source).makeIterator()
            for index in results.indices where results[index] == nil { results[index] = outcomes.next() }
        }
        return try answer(results.compactMap { $0 })
    }

    /// The answer to a batch; it tells of each element by its index.
    private func answer(_ outcomes: [EventIntake.Outcome]) throws(IngestRefusal) -> HTTPResponse {
        var accepted = 0
        var duplicates = 0
        for outcome in outcomes {
            guard case .accepted(_, let isDuplicate) = outcome else { continue }
            accepted += 1
            if isDuplicate { duplicates += 1 }
        }
        for case .refused(let refusal) in outcomes { metrics.refused(.events, code: refusal.code) }
        guard accepted > 0 else {
            var refusal = IngestRefusal(422, "no_event_accepted", "None of the batch's events can be accepted.")
            refusal.details = .array(
                outcomes.enumerated().compactMap { index, outcome in
                    guard case .refused(let refusal) = outcome else { return nil }
                    return [
                        "index": JSON(integer: index), "status": JSON(integer: refusal.status),
                        "error": refusal.elementJSON,
                    ]
                })
            throw refusal
        }
        var writer = DataWriter(capacity: 128 + outcomes.count * 256)
        writer.set("success", true)
        writer.set("data", object: outcomes) { outcomes, writer in
            writer.set("accepted", Int64(accepted))
            writer.set("duplicates", Int64(duplicates))
            writer.set("refused", Int64(outcomes.count - accepted))
            writer.set("results", Array(outcomes.enumerated())) { element, writer in
                writer.set("index", Int64(element.offset))
                switch element.element {
                case .accepted(let accepted, let isDuplicate):
                    writer.set("status", 202)
                    accepted.write(to: &writer, isDuplicate: isDuplicate)
                case .refused(let refusal):
                    writer.set("status", Int64(refusal.status))
                    writer.set("error", raw: refusal.elementJSON.serialized())
                }
            }
        }
        return Self.accepted(writer.end())
    }

    private static func accepted(_ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: 202, headers: jsonHeaders, body: body)
    }

    private static let jsonHeaders: HTTPHeaders = ["Content-Type": "application/json"]

    /// By the content type; for plain JSON, or none, by the first byte.
    private static func form(of request: HTTPRequest) throws(IngestRefusal) -> Form {
        guard let first = request.body.first(where: { !JSONElements.isSpace($0) }) else {
            throw IngestRefusal(400, "empty_body", "The body is empty.")
        }
        let isArray = first == UInt8(ascii: "[")
        guard let type = request.headers["Content-Type"], type != "application/json" else {
            return isArray ? .array : .single
        }
        let media = type.utf8.firstIndex(of: UInt8(ascii: ";")).map { type[..<$0] } ?? type[...]
        switch media.trimmed.lowercased() {
        case "application/json", "application/cloudevents+json", "application/cloudevents-batch+json":
            return isArray ? .array : .single
        case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines": return .lines
        default:
            throw IngestRefusal(
                415, "unsupported_media_type",
                "Send application/json, application/x-ndjson, application/cloudevents+json or "
                    + "application/cloudevents-batch+json.")
        }
    }
}
