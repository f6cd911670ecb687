/// The life of one connection as a pure state machine: what to do when, given only the time.
///
/// ```
/// idle ──start──▶ opening ──prepared──▶ ready
///                  ▲   │ lost, late       │ lost, silent
///       wait over  │   ▼                  │
///                  waiting ◀──────────────┘        any ──close──▶ closed
/// ```
/// Times are milliseconds of the loop's monotonic clock.
struct RedisConnectionMachine: Sendable {
    enum Phase: Hashable, Sendable {
        case idle
        /// The next attempt is due at `until`.
        case waiting(until: Int64)
        /// Connecting, authenticating and asking for the run id must be over by `deadline`.
        case opening(deadline: Int64)
        case ready(since: Int64)
        case closed
    }

    enum Action: Hashable, Sendable {
        case none
        case open
        case ping
        case giveUpOpening
        case giveUpSilent
    }

    struct Times: Sendable {
        var connect: Int64
        var idlePing: Int64
    }

    private(set) var phase = Phase.idle
    private var reconnect: RedisReconnect
    private let times: Times
    /// When Redis last said something, or began to owe a reply if that was later.
    private var silentSince: Int64 = 0
    /// Whether the present silence has been excused by a standstill of our own.
    private var isExcused = false

    init(times: Times, reconnect: RedisReconnect) {
        self.times = times
        self.reconnect = reconnect
    }

    var isReady: Bool { if case .ready = phase { true } else { false } }

    var isOpening: Bool { if case .opening = phase { true } else { false } }

    mutating func start(at now: Int64) -> Action {
        guard phase == .idle else { return .none }
        phase = .opening(deadline: now + times.connect)
        return .open
    }

    /// The first commands have been answered.
    mutating func prepared(at now: Int64) {
        guard case .opening = phase else { return }
        phase = .ready(since: now)
        heard(at: now)
    }

    /// Redis owes replies from now on; it owed none before.
    mutating func beganToOwe(at now: Int64) { heard(at: now) }

    mutating func heard(at now: Int64) {
        silentSince = now
        isExcused = false
    }

    /// The connection is gone or could not be made; a wait begins.
    mutating func lost(at now: Int64, using random: inout some RandomNumberGenerator) {
        switch phase {
        case .ready(let since): reconnect.ended(afterServing: now - since)
        case .opening: break
        case .idle, .waiting, .closed: return
        }
        phase = .waiting(until: now + reconnect.nextWait(using: &random))
    }

    mutating func close() { phase = .closed }

    /// What the time that has passed asks for.
    /// - Parameter owedWithin: how long Redis may be silent over the oldest unanswered command; nil when it owes none.
    mutating func tick(at now: Int64, owedWithin: Int64?) -> Action {
        guard let deadline = deadline(owedWithin: owedWithin), now >= deadline else { return .none }
        switch phase {
        case .waiting:
            phase = .opening(deadline: now + times.connect)
            isExcused = false
            return .open
        case .opening:
            guard isExcused(late: now - deadline) else { return .giveUpOpening }
            phase = .opening(deadline: now + times.connect)
            return .none
        case .ready:
            guard owedWithin != nil else { return .ping }
            guard isExcused(late: now - deadline) else { return .giveUpSilent }
            silentSince = now
            return .none
        case .idle, .closed: return .none
        }
    }

    /// When it is we who come late (this process was stopped, or busy), Redis may not have had its time: it gets it
    /// once more, and once only for each silence.
    private mutating func isExcused(late: Int64) -> Bool {
        defer { isExcused = true }
        return late >= RedisLimits.ownLatenessMilliseconds && !isExcused
    }

    /// When ``tick(at:owedWithin:)`` will next have something to do.
    func deadline(owedWithin: Int64?) -> Int64? {
        switch phase {
        case .idle, .closed: nil
        case .waiting(let until): until
        case .opening(let deadline): deadline
        case .ready: silentSince + (owedWithin ?? times.idlePing)
        }
    }
}
