import Core
import EventLoop

/// Isolates endpoints from each other within one process: each has its own window of requests in flight, and what finds no
/// room there does not take the others' place in the process.
@Loop
final class EndpointLanes {
    enum Turn: Sendable {
        /// To be given back by ``EndpointLanes/leave(_:_:_:)``.
        case now(EndpointWindow.Permit)
        /// It waited too long, and has no place any more.
        case later(Duration)
    }

    private typealias Waiter = (since: Int64, continuation: CheckedContinuation<Turn, Never>)

    private struct Lane {
        var window: EndpointWindow
        private var waiters: [Waiter] = []
        /// Those before it have been served; cleared now and then, so that taking the first is O(1) on average.
        private var head = 0

        init(window: EndpointWindow) { self.window = window }

        var firstWaiter: Waiter? { head < waiters.count ? waiters[head] : nil }

        mutating func append(_ waiter: Waiter) { waiters.append(waiter) }

        mutating func takeFirst() -> Waiter? {
            guard let first = firstWaiter else { return nil }
            head += 1
            if head > 64, head * 2 > waiters.count {
                waiters.removeFirst(head)
                head = 0
            }
            return first
        }
    }

    private let limits: EndpointWindow.Limits
    private var lanes: [UUID: Lane] = [:]
    private var timer: LoopTimer?

    /// Who has waited for so long gives its place in the process to others; the endpoint has become slow since.
    private static let waitMax = Duration.seconds(1)
    private static let lookPeriod = Duration.milliseconds(250)
    /// Endpoints remembered; beyond that those who rest are forgotten.
    private static let lanesMax = 10_000

    /// - Parameters:
    ///   - endpointMax: requests in flight to one endpoint.
    ///   - processMax: deliveries in this process.
    init(endpointMax: Int, processMax: Int) {
        limits = EndpointWindow.Limits(inFlight: min(endpointMax, processMax), waiting: processMax / 4)
    }

    /// Takes a place for a delivery, to be followed by ``enter(_:)`` or ``withdraw(_:)``.
    func admit(_ endpoint: UUID) -> EndpointWindow.Admission {
        let now = Loop.monotonicMilliseconds
        if lanes[endpoint] == nil, lanes.count >= Self.lanesMax { lanes = lanes.filter { !$0.value.window.isIdle } }
        return lanes[endpoint, default: Lane(window: EndpointWindow(limits, now: now))].window.admit(now: now)
    }

    /// Waits for the turn of one who was admitted.
    func enter(_ endpoint: UUID) async -> Turn {
        let now = Loop.monotonicMilliseconds
        if lanes[endpoint]?.firstWaiter == nil, let permit = lanes[endpoint]?.window.enterIfRoom(now: now) {
            return .now(permit)
        }
        return await withCheckedContinuation { continuation in
            lanes[endpoint]?.append((now, continuation))
            if timer == nil {
                timer = LoopTimer(after: Self.lookPeriod, repeating: true) { [weak self] in self?.look() }
            }
        }
    }

    func leave(_ endpoint: UUID, _ permit: EndpointWindow.Permit, _ ending: EndpointWindow.Ending) {
        let now = Loop.monotonicMilliseconds
        lanes[endpoint]?.window.leave(permit, ending, now: now)
        while lanes[endpoint]?.firstWaiter != nil, let permit = lanes[endpoint]?.window.enterIfRoom(now: now) {
            lanes[endpoint]?.takeFirst()?.continuation.resume(returning: .now(permit))
        }
    }

    func withdraw(_ endpoint: UUID) { lanes[endpoint]?.window.withdraw() }

    private func look() {
        let now = Loop.monotonicMilliseconds
        let oldest = now - Self.waitMax.milliseconds
        var isWaiting = false
        for endpoint in lanes.keys {
            while let waiter = lanes[endpoint]?.firstWaiter, waiter.since <= oldest,
                let wait = lanes[endpoint]?.window.giveUp(now: now)
            {
                _ = lanes[endpoint]?.takeFirst()
                waiter.continuation.resume(returning: .later(.milliseconds(wait)))
            }
            if lanes[endpoint]?.firstWaiter != nil { isWaiting = true }
        }
        if !isWaiting {
            timer?.cancel()
            timer = nil
        }
    }
}
