import Core
import EventLoop
import Glibc
import JobQueue
import Redis

/// `tail`: what happens to jobs, as it happens.
enum TailCommand {
    private static let outcomes = JobEvent.Outcome.allCases.map(\.rawValue)

    static let command = Command(
        "tail", .queues, "Shows what happens to jobs as it happens: leased, completed, retried, dead and so on.",
        options: [
            QueueCommands.queueOption, JobSearch.kind,
            .value("outcome", "OUTCOME", "this outcome only", choices: outcomes), JobSearch.idPrefix,
            .value("limit", "NUMBER", "end after so many events, 1 to 1,000,000"),
            .value("for", "TIME", "end after this time, such as 30s or 10m; without it Ctrl-C ends it"),
        ],
        examples: [
            "tail", "tail --queue webhooks --outcome retried", "tail --outcome dead --json | jq .message",
            "tail --for 30s --json > events.ndjson",
        ],
        details: """
            Workers tell their events while somebody tails, and for up to 15 s longer; otherwise it costs them nothing. \
            They learn of it within a few seconds. What happened before is not shown. Nobody waits for a tail: what a worker has no room for \
            (it tells at most 5,000 a second, failures first) is left out, and said so. Needs no PostgreSQL.
            """
    ) { session, arguments in
        let tail = try Tail(session, arguments)
        let reader = JobFeedReader(queue: try await session.queue(), connection: try await session.waitingRedis())
        try await tail.run(reader)
        return .written
    }
}

/// One call of `tail`.
@Loop
private final class Tail {
    private let session: Session
    private let queue: QueueName?
    private let kind: String?
    private let outcome: JobEvent.Outcome?
    private let idPrefix: String?
    private let limit: Int
    private let endsAtMilliseconds: Int64
    private let interrupt = Interrupt()
    private var shown = 0

    /// Of one look, so that the ends of a tail are noticed soon.
    private static let wait = Duration.milliseconds(250)

    init(_ session: Session, _ arguments: Arguments) throws {
        self.session = session
        queue = arguments.queue
        kind = arguments.optional("kind")
        outcome = arguments.optional("outcome").flatMap(JobEvent.Outcome.init(rawValue:))
        idPrefix = arguments.optional("id-prefix")
        limit = try arguments.integer("limit", or: .max, in: 1...1_000_000)
        if let text = arguments.optional("for") {
            guard let time = Duration(words: text) else {
                throw Arguments.Usage("--for needs a time such as 30s, 10m or 2h")
            }
            endsAtMilliseconds = Loop.monotonicMilliseconds + time.milliseconds
        } else {
            endsAtMilliseconds = .max
        }
    }

    private var isOver: Bool {
        interrupt.came || shown >= limit || Loop.monotonicMilliseconds >= endsAtMilliseconds
    }

    func run(_ reader: JobFeedReader) async throws {
        try await session.console.progress("Listening; Ctrl-C ends it.")
        while !isOver {
            let left = max(1, endsAtMilliseconds - Loop.monotonicMilliseconds)
            let piece = try await reader.next(within: min(Self.wait, .milliseconds(left)))
            try await show(piece)
        }
        try await session.console.progress("")
    }

    private func show(_ piece: JobFeedReader.Piece) async throws {
        // Each worker tells in order; of several that tell at once, the times do.
        let wanted = piece.events.filter(matches).sorted { $0.event.at < $1.event.at }.prefix(limit - shown)
        guard !wanted.isEmpty || piece.leftOut > 0 else { return }
        try await session.console.progress("")
        shown += wanted.count
        let console = session.console
        if session.wantsJSON {
            var lines = wanted.map { Self.json($0).text + "\n" }
            if piece.leftOut > 0 { lines.append((["leftOut": JSON(integer: piece.leftOut)] as JSON).text + "\n") }
            try await console.write(lines.joined())
            return
        }
        var lines = wanted.map(Self.line)
        if piece.leftOut > 0 { lines.append("\("… \(piece.leftOut.counted("event")) left out", .notice)") }
        try await console.show(lines.map { line in console.width.map { line.cut(to: $0) } ?? line }, on: .out)
    }

    private func matches(_ item: JobFeedReader.Event) -> Bool {
        let event = item.event
        if let queue, event.queue != queue { return false }
        if let kind, event.kind != kind { return false }
        if let outcome, event.outcome != outcome { return false }
        if let idPrefix, !event.id.hasPrefix(idPrefix) { return false }
        return true
    }

    // MARK: An event

    private static let queueWidth = QueueName.allCases.map(\.rawValue.count).max() ?? 0
    private static let outcomeWidth = JobEvent.Outcome.allCases.map(\.rawValue.count).max() ?? 0

    private static func line(_ item: JobFeedReader.Event) -> StyledLine {
        let event = item.event
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        var line: StyledLine = "\(event.at.timeOfDay, .dim)  "
        line.append(padded(event.queue.rawValue, queueWidth) + "  ")
        line.append(padded(event.outcome.rawValue, outcomeWidth), style(of: event.outcome))
        line.append("  \(event.id)  \(event.kind.isEmpty ? "-" : event.kind)")
        if event.run > 1 || !event.message.isEmpty { line.append("  run \(event.run)") }
        if let took = event.took { line.append("  \(took.words)") }
        if let again = event.again { line.append("  again in \(again.words)") }
        if !event.message.isEmpty { line.append(": \(event.message)", .notice) }
        if event.outcome == .leased { line.append("  \(item.worker)", .dim) }
        return line
    }

    private static func style(of outcome: JobEvent.Outcome) -> TextStyle {
        switch outcome {
        case .completed: .good
        case .dead, .quarantined: .bad
        case .retried, .expired, .cancelled: .notice
        case .leased, .snoozed, .givenBack: .plain
        }
    }

    private static func json(_ item: JobFeedReader.Event) -> JSON {
        let event = item.event
        return [
            "at": .string(event.at.rfc3339), "outcome": .string(event.outcome.rawValue),
            "queue": .string(event.queue.rawValue), "shard": JSON(integer: event.shard), "id": .string(event.id),
            "kind": .string(event.kind), "run": JSON(integer: event.run),
            "tookMs": event.took.map { JSON(integer: $0.milliseconds) } ?? .null,
            "againInMs": event.again.map { JSON(integer: $0.milliseconds) } ?? .null,
            "message": .string(event.message), "worker": .string(item.worker),
        ]
    }
}
