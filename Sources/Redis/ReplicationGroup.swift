import EventLoop

/// Calls of one turn on one connection that answer when replicas have what they wrote: one `WAIT` serves all of them.
///
/// A `WAIT` speaks of what its own connection did before it, so it goes out behind the calls in the same write and is never
/// sent by itself: after a reconnect it would answer for nothing. It covers calls that wrote nothing too, such as an enqueue
/// of what is there already, since Redis notes its whole offset after each command of a connection.
@Loop
final class ReplicationGroup {
    typealias Completion = @Loop (Result<RedisValue, RedisError>) -> Void

    private let demand: ReplicaDemand
    private var members: [(value: RedisValue, completion: Completion)] = []
    private var outcome: Result<Void, RedisError>?

    init(_ demand: ReplicaDemand) { self.demand = demand }

    /// Tells the caller now when the call failed or the replicas have answered, else with them.
    func took(_ result: Result<RedisValue, RedisError>, _ completion: @escaping Completion) {
        guard case .success(let value) = result else { return completion(result) }
        if let outcome { return completion(outcome.map { value }) }
        members.append((value, completion))
    }

    func ended(_ result: Result<RedisValue, RedisError>) {
        // Whatever became of the `WAIT`, the calls may have been done.
        let result = result.mapError { $0.mayHaveHappened ? $0 : RedisError(.unreplicated, $0.message) }
        let outcome = result.flatMap { (value) -> Result<Void, RedisError> in
            let count = value.integer ?? 0
            if count >= Int64(demand.replicas) { return .success(()) }
            return .failure(
                RedisError(.unreplicated, "\(count) of \(demand.replicas) replicas have it after \(demand.within)"))
        }
        self.outcome = outcome
        let members = members
        self.members = []
        for (value, completion) in members { completion(outcome.map { value }) }
    }
}
