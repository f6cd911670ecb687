import Glibc

/// A master, its replicas and three sentinels of the tests' own.
package final class PrivateSentinels: Sendable {
    /// The master as it was made first, then the replicas.
    package let nodes: [PrivateRedis]
    package let ports: [Int]
    package let master = "jobs"
    private let sentinels: [TestProcess]
    private let directories: [String]

    /// Returns when the replicas follow and the sentinels know them and each other.
    /// - Parameter downAfter: of silence a sentinel thinks a master dead.
    package static func start(replicas: Int = 1, downAfterMilliseconds: Int = 500) async throws -> PrivateSentinels {
        var nodes = [try await PrivateRedis.start(options: ["--repl-diskless-sync-delay", "0"])]
        for _ in 0..<replicas {
            nodes.append(
                try await PrivateRedis.start(options: [
                    "--repl-diskless-sync-delay", "0", "--replicaof", nodes[0].host, "\(nodes[0].port)",
                ]))
        }
        var processes: [TestProcess] = []
        var directories: [String] = []
        var ports: [Int] = []
        for _ in 0..<3 {
            let port = try TestPort.free()
            let directory = try Leftovers.makeDirectory("sentinel")
            let file = """
                port \(port)
                bind 127.0.0.1
                dir \(directory)
                sentinel monitor jobs \(nodes[0].host) \(nodes[0].port) 2
                sentinel down-after-milliseconds jobs \(downAfterMilliseconds)
                sentinel failover-timeout jobs 2000

                """
            // A sentinel keeps what it learns in its file.
            guard let stream = fopen("\(directory)/sentinel.conf", "w") else {
                throw TestSupportError("cannot write in \(directory)")
            }
            fputs(file, stream)
            fclose(stream)
            processes.append(
                try TestProcess.start(
                    "redis-server", ["\(directory)/sentinel.conf", "--sentinel"], logPath: "\(directory)/log"))
            directories.append(directory)
            ports.append(port)
        }
        let group = PrivateSentinels(nodes, ports, processes, directories)
        do {
            try await group.waitUntilKnown()
        } catch {
            group.stop()
            throw error
        }
        return group
    }

    private init(_ nodes: [PrivateRedis], _ ports: [Int], _ sentinels: [TestProcess], _ directories: [String]) {
        self.nodes = nodes
        self.ports = ports
        self.sentinels = sentinels
        self.directories = directories
    }

    package var addresses: [(host: String, port: Int)] { ports.map { ("127.0.0.1", $0) } }

    package func stop() {
        for sentinel in sentinels { sentinel.kill() }
        for node in nodes { node.stop() }
        for directory in directories { Leftovers.remove(directory: directory) }
    }

    /// The number of the node that a sentinel names the master.
    package func masterIndex() async throws -> Int? {
        let answer = try await PrivateCluster.tell(ports[0], ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master])
        let port = answer.split(separator: "\n").last.flatMap { Int($0) }
        return nodes.firstIndex { $0.port == port }
    }

    private func waitUntilKnown() async throws {
        for node in nodes.dropFirst() {
            try await eventually(within: .seconds(30)) {
                try await PrivateCluster.tell(node.port, ["INFO", "replication"]).contains("master_link_status:up")
            }
        }
        let wanted = ["num-slaves": nodes.count - 1, "num-other-sentinels": ports.count - 1]
        for port in ports {
            try await eventually(within: .seconds(30)) {
                let lines = try await PrivateCluster.tell(port, ["SENTINEL", "MASTER", self.master]).split(
                    separator: "\n")
                return wanted.allSatisfy { name, count in
                    lines.firstIndex { $0 == name }.map { lines[$0 + 1] == "\(count)" } == true
                }
            }
        }
    }
}
