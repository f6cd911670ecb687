import Core
import EventLoop

/// What of a connection's calls waits for replicas.
struct ReplicationState {
    /// The calls of which the next, or the present, `WAIT` speaks; nil while none is out.
    var group: ReplicationGroup?
    /// Whether the group's `WAIT` has not been sent yet, so that calls of the same turn may join it.
    var isOpen = false
    /// What came while a `WAIT` was out; they go together behind it.
    var gathered: [ReplicatedCall] = []
}

struct ReplicatedCall {
    let script: RedisScript
    let keys: [String]
    let arguments: [RedisArgument]
    let isAsking: Bool
    let demand: ReplicaDemand
    var isBySource = false
    let completion: ReplicationGroup.Completion
}

extension RedisConnection {
    /// Runs a script and answers when so many replicas have what it wrote; see ``ReplicationGroup``. On a connection that
    /// carries nothing else, since whatever comes after it waits as long.
    ///
    /// Redis does nothing for a connection whose `WAIT` is out. Were calls sent all the same, and replicas away, each turn's
    /// would wait for those of all turns before it. So they gather here, and one `WAIT` serves all that came during the one
    /// before: a call is answered within two waits, however many there are.
    func sendScript(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], isAsking: Bool = false,
        replicatedTo demand: ReplicaDemand, completion: @escaping @Loop (Result<RedisValue, RedisError>) -> Void
    ) {
        take(
            ReplicatedCall(
                script: script, keys: keys, arguments: arguments, isAsking: isAsking, demand: demand,
                completion: completion))
    }

    private func take(_ call: ReplicatedCall) {
        if let group = replication.group {
            if replication.isOpen { return send(call, in: group) }
            guard replication.gathered.count < RedisLimits.inFlightMax else {
                let refusal = RedisError(.backlog, "\(replication.gathered.count) calls wait for replicas already")
                return Loop.atTurnEnd { call.completion(.failure(refusal)) }
            }
            return replication.gathered.append(call)
        }
        let group = ReplicationGroup(call.demand)
        replication.group = group
        replication.isOpen = true
        // Noted before the first call is sent, so that the `WAIT` is in the same write.
        Loop.atTurnEnd { [self] in wait(for: group, call.demand) }
        send(call, in: group)
    }

    private func wait(for group: ReplicationGroup, _ demand: ReplicaDemand) {
        replication.isOpen = false
        send(
            ["WAIT", RedisArgument(demand.replicas), .integer(max(1, demand.within.milliseconds))],
            replyTimeout: demand.within + configuration.replyTimeout
        ) { [weak self] result in
            let gathered = self?.replication.gathered ?? []
            self?.replication = ReplicationState()
            group.ended(result)
            for call in gathered { self?.take(call) }
        }
    }

    private func send(_ call: ReplicatedCall, in group: ReplicationGroup) {
        if call.isAsking { ask() }
        send(
            within: nil,
            { [weak self] result in
                if !call.isBySource, let self, case .failure(let error) = result, error.kind == .noScript {
                    var bySource = call
                    bySource.isBySource = true
                    return take(bySource)
                }
                group.took(result, call.completion)
            }
        ) { $0.encode(script: call.script, bySource: call.isBySource, keys: call.keys, arguments: call.arguments) }
    }
}
