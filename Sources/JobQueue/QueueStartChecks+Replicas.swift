package import Redis

extension QueueStartChecks {
    /// What a process that waits for replicas must find of each master; see `docs/queue.md`. Pure.
    ///
    /// - Parameters:
    ///   - connected: replicas that follow the master now.
    ///   - minReplicasToWrite: the setting of that name; nil where it may not be asked for.
    nonisolated package static func checkReplicas(
        connected: Int, minReplicasToWrite: Int?, demand: ReplicaDemand, isRefused: Bool
    ) -> [StartFinding] {
        if connected < demand.replicas {
            return [
                StartFinding(
                    isRefused ? .refusalForNow : .warning,
                    "a master of Redis has \(connected) replicas, and each enqueue waits for \(demand.replicas)")
            ]
        }
        var findings: [StartFinding] = []
        if connected > demand.replicas {
            findings.append(
                StartFinding(
                    .warning,
                    "a master of Redis has \(connected) replicas and enqueues wait for \(demand.replicas): one without the last writes may be promoted"
                ))
        }
        if let minReplicasToWrite, minReplicasToWrite < demand.replicas {
            findings.append(
                StartFinding(
                    .warning,
                    "a master that is cut off from its replicas goes on: set min-replicas-to-write to \(demand.replicas) (it is \(minReplicasToWrite))"
                ))
        }
        return findings
    }

    /// Asks every master.
    static func checkReplicas(
        _ connection: RedisClient, _ demand: ReplicaDemand, durability: Durability, settings: [[String: String]]?
    ) async throws(RedisError) -> [StartFinding] {
        var findings: [StartFinding] = []
        for (number, answer) in try await connection.commandToAll(["INFO", "replication"]).enumerated() {
            // `slave0:ip=127.0.0.1,port=6380,state=online,offset=…`
            let connected = (answer.string ?? "").split(whereSeparator: \.isNewline).count {
                $0.hasPrefix("slave") && $0.contains("state=online")
            }
            let setting = settings.flatMap { number < $0.count ? $0[number]["min-replicas-to-write"] : nil }
            findings += checkReplicas(
                connected: connected, minReplicasToWrite: setting.flatMap { Int($0) }, demand: demand,
                isRefused: durability != .any)
        }
        return findings
    }
}
