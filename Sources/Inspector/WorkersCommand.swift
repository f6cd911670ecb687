import Core
import EventLoop
import JobQueue
import Redis

/// `workers`: who is there, and what each does now.
enum WorkersCommand {
    static let command = Command(
        "workers", .fleet, "Lists the fleet's processes, and what each works on now.",
        options: [.value("scan", "NUMBER", "jobs under leases to look at, 1 to 1,000,000; 20,000 by default")],
        examples: ["workers", "workers --json | jq '.processes[] | select(.state == \"working\")'"],
        details: """
            An idle fleet writes nothing to say that it is there: who is connected to Redis, is there. What each has in hand \
            stands in the leases. One that is gone holds leases without a connection: its jobs run again when these expire.
            """
    ) { session, arguments in
        let scan = try arguments.integer("scan", or: 20_000, in: 1...1_000_000)
        return try await look(session, scan: scan).answer
    }

    @Loop static func look(_ session: Session, scan: Int) async throws -> WorkersLook {
        let queue = try await session.queue()
        let hands = try await WorkersInHand.read(queue, scan: scan)
        let now = Loop.wallClock
        do {
            let replies = try await session.redis().commandToAll(["CLIENT", "LIST", "TYPE", "normal"])
            let text = replies.compactMap(\.string).joined(separator: "\n")
            return WorkersLook(WorkerPresence.read(text), hands, now: now)
        } catch let error as RedisError where !error.isUnreachableStore {
            // A managed Redis may refuse it: the leases tell of those who work all the same.
            return WorkersLook(nil, hands, now: now, refusal: error.message)
        }
    }
}

/// Processes joined with what they have in hand.
struct WorkersLook {
    enum State: String, CaseIterable {
        /// Has jobs under leases.
        case working
        /// Waits for jobs of its queues.
        case idle
        /// Works on no queue: the ingest, a scheduler.
        case serving
        /// Holds leases, and has no connection.
        case gone
    }

    struct Process {
        let name: String
        let presence: WorkerPresence?
        let hand: WorkersInHand.Hand?

        func state(isPresenceKnown: Bool) -> State {
            if hand != nil { return presence != nil || !isPresenceKnown ? .working : .gone }
            return presence?.queues.isEmpty == false ? .idle : .serving
        }

        /// By the declaration's order.
        var queues: [QueueName] {
            let all = (presence?.queues ?? []).union(hand?.queues ?? [])
            return QueueName.allCases.filter(all.contains)
        }
    }

    private(set) var processes: [Process] = []
    private let isPresenceKnown: Bool
    private let hands: WorkersInHand
    private let now: EpochMilliseconds
    private let refusal: String

    /// - Parameter presences: `nil` when Redis refuses to tell who is connected, for the reason `refusal`.
    init(_ presences: [WorkerPresence]?, _ hands: WorkersInHand, now: EpochMilliseconds, refusal: String = "") {
        self.hands = hands
        self.now = now
        self.refusal = refusal
        isPresenceKnown = presences != nil
        var left = hands.hands
        for presence in presences ?? [] {
            let hand = left.removeValue(forKey: JobQueueConfiguration.nameInRecords(presence.name))
            processes.append(Process(name: presence.name, presence: presence, hand: hand))
        }
        processes += left.sorted { $0.key < $1.key }.map { Process(name: $0.key, presence: nil, hand: $0.value) }
    }

    func state(of process: Process) -> State { process.state(isPresenceKnown: isPresenceKnown) }

    func count(_ state: State) -> Int { processes.count { self.state(of: $0) == state } }

    /// Whether somebody works on a queue; true as well where Redis does not tell who is connected.
    func hasWorker(of queue: QueueName) -> Bool {
        !isPresenceKnown || processes.contains { $0.presence?.queues.contains(queue) == true }
    }

    var answer: Answer {
        Answer(
            [
                "processes": .array(processes.map(json)), "seen": JSON(integer: hands.seen),
                "complete": .bool(hands.isComplete), "presenceKnown": .bool(isPresenceKnown),
            ], page)
    }

    private var page: Page {
        var page = Page()
        if processes.isEmpty {
            page.add("No process of the fleet is connected to this Redis.")
        } else {
            page.add(table)
        }
        if !isPresenceKnown {
            page.add(["", "Redis does not tell who is connected (\(refusal)): idle processes are not shown."])
        }
        let gone = count(.gone)
        if gone > 0 {
            page.add([
                "",
                "\(gone.counted("worker")) ended without giving leases back: the jobs run again when these expire.",
            ])
        }
        if !hands.isComplete {
            page.add(["", "\(hands.seen.counted("job")) under leases looked at, there are more: --scan looks at more."])
        }
        return page
    }

    var table: Table {
        var table = Table(columns: [
            .init(heading: "process", isElastic: true), .init(heading: "state"),
            .init(heading: "there for", isRight: true, isDroppable: true), .init(heading: "works on"),
            .init(heading: "in hand", isRight: true), .init(heading: "longest", isRight: true),
            .init(heading: "what", isElastic: true, isDroppable: true),
        ])
        table.rows = processes.map(row)
        return table
    }

    /// Kinds that a person is shown of a worker; `--json` has all.
    private static let kindsShownMax = 3

    private func row(_ process: Process) -> [StyledLine] {
        let state = state(of: process)
        let style: TextStyle =
            switch state {
            case .working: .good
            case .gone: .bad
            case .idle, .serving: .dim
            }
        let queues = process.queues.map(\.rawValue).joined(separator: ", ")
        let jobs = process.hand?.jobs ?? 0
        return [
            "\(process.name, .bold)", "\(state.rawValue, style)",
            "\(process.presence.map { Duration.seconds($0.ageSeconds).roughWords } ?? "-")",
            "\(queues.isEmpty ? "-" : queues)", StyledLine(jobs.grouped, jobs == 0 ? .dim : .plain),
            "\(longest(process)?.words ?? "-")", "\(what(process))",
        ]
    }

    private func what(_ process: Process) -> String {
        guard let hand = process.hand else { return "-" }
        let kinds = hand.sortedKinds
        var texts = kinds.prefix(Self.kindsShownMax).map { "\($0.kind) × \($0.count.grouped)" }
        if kinds.count > Self.kindsShownMax { texts.append("…") }
        if hand.jobs == 1, let id = hand.oldest?.id { texts = ["\(kinds.first?.kind ?? "-") \(id)"] }
        return texts.joined(separator: ", ")
    }

    private func longest(_ process: Process) -> Duration? {
        process.hand?.oldest?.leasedAt.map { max(.zero, now.since($0)) }
    }

    private func json(_ process: Process) -> JSON {
        let (presence, hand) = (process.presence, process.hand)
        return [
            "process": .string(process.name), "state": .string(state(of: process).rawValue),
            "queues": .array(process.queues.map { .string($0.rawValue) }),
            "connections": JSON(integer: presence?.connections ?? 0),
            "connectedSeconds": presence.map { JSON(integer: $0.ageSeconds) } ?? .null,
            "quietSeconds": presence.map { JSON(integer: $0.idleSeconds) } ?? .null,
            "lastCommand": presence.map { .string($0.lastCommand) } ?? .null,
            "inHand": JSON(integer: hand?.jobs ?? 0), "leases": JSON(integer: hand?.leases.count ?? 0),
            "longestMs": longest(process).map { JSON(integer: $0.milliseconds) } ?? .null,
            "longestJob": hand?.oldest.map { .string($0.id) } ?? .null,
            "kinds": .array(
                (hand?.sortedKinds ?? []).map { ["kind": .string($0.kind), "count": JSON(integer: $0.count)] }),
        ]
    }
}
