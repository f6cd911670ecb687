/// How many requests one endpoint gets at a time, and when there is no room, how long that will last. Pure; times are
/// milliseconds of a clock that never goes back.
///
/// The window grows by one with each quick success and is halved when the endpoint is strained, once for all the requests
/// that were on their way together.
struct EndpointWindow {
    /// What an attempt's end says of its endpoint.
    enum Ending: Sendable {
        /// A 2xx in less than half of the time-out.
        case quick
        /// 429, 5xx or a time-out.
        case strained
        case other
    }

    /// What one more delivery has to do.
    enum Admission: Equatable, Sendable {
        /// It is counted as waiting: begin it, and wait for its turn.
        case admitted
        /// It would wait too long in this process: come again then.
        case later(milliseconds: Int64)
    }

    /// A permit to send, given back at the attempt's end.
    struct Permit: Sendable {
        fileprivate let generation: Int
        fileprivate let since: Int64
    }

    /// What a process grants one endpoint.
    struct Limits: Sendable {
        /// Requests in flight.
        var inFlight: Int
        /// Deliveries that wait in this process for their turn.
        var waiting: Int
    }

    private let limits: Limits
    /// Requests that it gets now.
    private(set) var size: Int
    private(set) var inFlight = 0
    private(set) var waiting = 0
    private var averageMilliseconds: Double?
    /// Grows with each halving: requests of an earlier generation halve nothing again.
    private var generation = 0
    private var lastEnd: Int64
    /// When the last of those who were sent away has its turn.
    private var turn: Double = 0

    private static let firstSize = 16
    /// Nobody waits in this process for more than about this.
    private static let patienceMilliseconds = 200.0
    /// What an attempt is taken to last before one has ended.
    private static let firstGuessMilliseconds = 20.0
    private static let laterRange = 50.0...60_000.0

    init(_ limits: Limits, now: Int64) {
        self.limits = limits
        size = min(limits.inFlight, Self.firstSize)
        lastEnd = now
    }

    var isIdle: Bool { inFlight == 0 && waiting == 0 }

    mutating func admit(now: Int64) -> Admission {
        if isIdle { lastEnd = now }
        if inFlight + waiting < size + queueMax(now) {
            waiting += 1
            return .admitted
        }
        return .later(milliseconds: postpone(now: now))
    }

    /// When one who finds no room is to come again: each has a turn of its own, so that they do not come back together.
    private mutating func postpone(now: Int64) -> Int64 {
        turn = max(turn, Double(now)) + interval(now)
        return Int64(min(max(turn - Double(now), Self.laterRange.lowerBound), Self.laterRange.upperBound))
    }

    /// One who was admitted begins to send; `nil` while the window is full.
    mutating func enterIfRoom(now: Int64) -> Permit? {
        guard inFlight < size else { return nil }
        waiting -= 1
        inFlight += 1
        return Permit(generation: generation, since: now)
    }

    /// One who was admitted goes away without having sent.
    mutating func withdraw() { waiting -= 1 }

    /// One who was admitted has waited too long: when to come again, in milliseconds.
    mutating func giveUp(now: Int64) -> Int64 {
        withdraw()
        return postpone(now: now)
    }

    mutating func leave(_ permit: Permit, _ ending: Ending, now: Int64) {
        inFlight -= 1
        lastEnd = now
        let sample = Double(max(0, now - permit.since))
        averageMilliseconds = averageMilliseconds.map { $0 * 0.8 + sample * 0.2 } ?? sample
        switch ending {
        case .quick: size = min(size + 1, limits.inFlight)
        case .strained:
            guard permit.generation == generation else { return }
            generation += 1
            size = max(1, size / 2)
        case .other: break
        }
    }

    /// How many may wait beside a full window: as many as will have had their turn soon. None before the first end.
    private func queueMax(_ now: Int64) -> Int {
        guard averageMilliseconds != nil else { return 0 }
        return Int(min(Double(limits.waiting), Self.patienceMilliseconds / interval(now)))
    }

    /// Milliseconds between two ends, as far as can be told; an endpoint that has fallen silent is not what it was.
    private func interval(_ now: Int64) -> Double {
        let average = averageMilliseconds ?? Self.firstGuessMilliseconds
        let silence = inFlight < size ? 0 : Double(now - lastEnd)
        return max(average, silence, 0.1) / Double(size)
    }
}
