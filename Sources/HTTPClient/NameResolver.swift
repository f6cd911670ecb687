import Core
import EventLoop

/// Names to addresses, without ever blocking the loop: a few threads ask, answers are kept for a while, and everybody who
/// wants the same name waits for the same question.
///
/// `getaddrinfo` has no time-out of its own. A name whose servers are dead holds a thread for as long as the system's
/// resolver is configured to try; who asked gives up at their own deadline, and nobody asks again for a while.
@Loop
final class NameResolver {
    private struct Known {
        let addresses: [IPAddress]
        let expires: Int64
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Result<[IPAddress], HTTPFailure>, Never>
        let timer: LoopTimer
    }

    private let lookup: NameLookup
    private let pool = BlockingPool(threadsMax: threadsMax)
    private let lifetime: Int64
    private let failureLifetime: Int64
    private var known: [String: Known] = [:]
    private var waiters: [String: [Waiter]] = [:]
    private var nextWaiter: UInt64 = 0

    /// Names remembered; beyond that the expired are dropped, and if none is, all.
    private static let knownMax = 10_000
    /// A dead name server can hold so many threads before other names wait.
    private static let threadsMax = 16
    /// Names being asked for at a time.
    private static let questionsMax = 1000

    init(lookup: NameLookup, lifetime: Duration, failureLifetime: Duration) {
        self.lookup = lookup
        self.lifetime = lifetime.milliseconds
        self.failureLifetime = failureLifetime.milliseconds
    }

    /// All addresses of the name; never none.
    func resolve(_ name: String, within timeout: Duration) async -> Result<[IPAddress], HTTPFailure> {
        if let known = known[name], known.expires > Loop.monotonicMilliseconds { return Self.result(known.addresses) }
        let isAsked = waiters[name] != nil
        if !isAsked, waiters.count >= Self.questionsMax {
            return .failure(HTTPFailure(.dns, "too many names at a time"))
        }
        return await withCheckedContinuation { continuation in
            nextWaiter += 1
            let id = nextWaiter
            let timer = LoopTimer(after: timeout) { [weak self] in self?.giveUp(id, on: name) }
            waiters[name, default: []].append(Waiter(id: id, continuation: continuation, timer: timer))
            if !isAsked { ask(name) }
        }
    }

    private func ask(_ name: String) {
        pool.run(else: []) { [lookup] in
            lookup.addresses(name)
        } completion: { [weak self] in
            self?.answered(name, $0)
        }
    }

    private static func result(_ addresses: [IPAddress]) -> Result<[IPAddress], HTTPFailure> {
        addresses.isEmpty ? .failure(HTTPFailure(.dns, "the name has no address")) : .success(addresses)
    }

    private func answered(_ name: String, _ addresses: [IPAddress]) {
        remember(name, addresses)
        for waiter in waiters.removeValue(forKey: name) ?? [] {
            waiter.timer.cancel()
            waiter.continuation.resume(returning: Self.result(addresses))
        }
    }

    private func giveUp(_ id: UInt64, on name: String) {
        guard let index = waiters[name]?.firstIndex(where: { $0.id == id }),
            let waiter = waiters[name]?.remove(at: index)
        else { return }
        // The empty list stays: the question is still being asked.
        waiter.continuation.resume(returning: .failure(HTTPFailure(.dns, "the resolver did not answer in time")))
    }

    private func remember(_ name: String, _ addresses: [IPAddress]) {
        let now = Loop.monotonicMilliseconds
        if known.count >= Self.knownMax {
            known = known.filter { $0.value.expires > now }
            if known.count >= Self.knownMax { known = [:] }
        }
        known[name] = Known(addresses: addresses, expires: now + (addresses.isEmpty ? failureLifetime : lifetime))
    }
}
