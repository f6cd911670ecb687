import Core

/// A Redis Cluster of the tests' own on loopback: masters that share the slots evenly, each with as many replicas.
package final class PrivateCluster: Sendable {
    /// The masters as they were made, then the replicas: `nodes[i]` has its first replica at `nodes[masterCount + i]`.
    package let nodes: [PrivateRedis]
    package let masterCount: Int

    package static let slotCount = 16_384

    /// Starts the nodes and returns when all of them agree and every replica follows its master.
    /// - Parameter nodeTimeout: after which a silent master is replaced.
    package static func start(
        masters: Int = 3, replicas: Int = 1, nodeTimeout: Duration = .seconds(1), options: [String] = []
    ) async throws -> PrivateCluster {
        var nodes: [PrivateRedis] = []
        var busPorts: [Int] = []
        for _ in 0..<masters * (1 + replicas) {
            // Its bus would else take the port 10,000 higher, which others may have.
            let busPort = try TestPort.free()
            busPorts.append(busPort)
            nodes.append(
                try await PrivateRedis.start(
                    options: [
                        "--cluster-enabled", "yes", "--cluster-port", "\(busPort)",
                        "--cluster-node-timeout", "\(nodeTimeout.milliseconds)", "--repl-diskless-sync-delay", "0",
                    ] + options))
        }
        let cluster = PrivateCluster(nodes: nodes, masterCount: masters)
        do {
            try await cluster.form(busPorts)
        } catch {
            cluster.stop()
            throw error
        }
        return cluster
    }

    private init(nodes: [PrivateRedis], masterCount: Int) {
        self.nodes = nodes
        self.masterCount = masterCount
    }

    package var seeds: [(host: String, port: Int)] { nodes.map { ($0.host, $0.port) } }

    package func stop() { for node in nodes { node.stop() } }

    /// A command to one node, by `redis-cli`; its answer as text, an error's too.
    @discardableResult
    package func tell(_ node: Int, _ arguments: String...) async throws -> String {
        try await Self.tell(nodes[node].port, arguments)
    }

    /// The same to whatever listens on a port.
    package static func tell(_ port: Int, _ arguments: [String]) async throws -> String {
        let result = try await runCommand("redis-cli", ["-p", "\(port)"] + arguments, within: .seconds(20))
        return result.stdout.trimmingNewlines
    }

    /// The number of the node that serves a slot now, by a node that lives.
    package func owner(of slot: Int, askedOf node: Int) async throws -> Int? {
        for line in try await tell(node, "CLUSTER", "NODES").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 8, words[2].contains("master"), !words[2].contains("fail") else { continue }
            let serves = words[8...].contains { range in
                let ends = range.split(separator: "-").compactMap { Int($0) }
                return ends.count == 2 ? (ends[0]...ends[1]).contains(slot) : ends == [slot]
            }
            if serves, let port = words[1].split(separator: "@")[0].split(separator: ":").last {
                return nodes.firstIndex { "\($0.port)" == port }
            }
        }
        return nil
    }

    /// Moves a slot with its keys, as `redis-cli --cluster reshard` does.
    /// - Parameter during: called once, when the slot is open and its first two keys have moved.
    package func move(slot: Int, from source: Int, to target: Int, during: () async throws -> Void = {}) async throws {
        let (sourceID, targetID) = (
            try await tell(source, "CLUSTER", "MYID"), try await tell(target, "CLUSTER", "MYID")
        )
        try await tell(target, "CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", sourceID)
        try await tell(source, "CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", targetID)
        var isTold = false
        while true {
            let keys = try await tell(source, "CLUSTER", "GETKEYSINSLOT", "\(slot)", "2").split(separator: "\n")
            if keys.isEmpty { break }
            for key in keys {
                try await tell(source, "MIGRATE", nodes[target].host, "\(nodes[target].port)", String(key), "0", "5000")
            }
            if !isTold { try await during() }
            isTold = true
        }
        for node in [target, source] { try await tell(node, "CLUSTER", "SETSLOT", "\(slot)", "NODE", targetID) }
    }

    private func form(_ busPorts: [Int]) async throws {
        for index in nodes.indices {
            try await tell(index, "CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)")
            if index > 0 {
                try await tell(0, "CLUSTER", "MEET", nodes[index].host, "\(nodes[index].port)", "\(busPorts[index])")
            }
        }
        for index in 0..<masterCount {
            let (first, end) = (Self.slotCount * index / masterCount, Self.slotCount * (index + 1) / masterCount)
            try await tell(index, "CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(end - 1)")
        }
        for index in nodes.indices {
            try await eventually(within: .seconds(30)) {
                let lines = try await self.tell(index, "CLUSTER", "NODES").split(separator: "\n")
                return lines.count == self.nodes.count && !lines.contains { $0.contains("handshake") }
            }
        }
        for index in masterCount..<nodes.count {
            let master = try await tell(index % masterCount, "CLUSTER", "MYID")
            try await eventually { try await self.tell(index, "CLUSTER", "REPLICATE", master) == "OK" }
        }
        try await waitUntilWhole()
        for index in masterCount..<nodes.count {
            try await eventually(within: .seconds(30)) {
                try await self.tell(index, "INFO", "replication").contains("master_link_status:up")
            }
        }
    }

    /// Returns when each node says `cluster_state:ok`: it knows a master for every slot, and reaches most of them.
    private func waitUntilWhole() async throws {
        for index in nodes.indices {
            try await eventually(within: .seconds(30)) {
                try await self.tell(index, "CLUSTER", "INFO").contains("cluster_state:ok")
            }
        }
    }
}

extension String {
    fileprivate var trimmingNewlines: String {
        var text = self[...]
        while let last = text.last, last.isNewline { text.removeLast() }
        return String(text)
    }
}

extension PrivateCluster {
    /// How far a node is in the stream of writes that replicas follow.
    package func offset(_ node: Int) async throws -> Int? {
        let lines = try await tell(node, "INFO", "replication").split(whereSeparator: \.isNewline)
        let isReplica = lines.contains("role:slave")
        let name = isReplica ? "slave_repl_offset:" : "master_repl_offset:"
        return lines.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) }
    }
}

extension PrivateCluster {
    /// Stops a replica and ends its link, so that no write of its master reaches it any more. (Of one that merely stands
    /// still the kernel takes what comes, for it to read later.)
    package func cutOff(_ replica: Int, from master: Int) async throws {
        nodes[replica].pause()
        try await tell(master, "CLIENT", "KILL", "TYPE", "replica")
    }
}
