import Core
import EventLoop
import TestSupport
import Testing

@testable import Redis

/// Commands of single keys in a Cluster; what the queue does there stands in `JobQueueTests/ClusterTests`.
@Suite struct RedisClusterTests {
    init() { Loop.startThread() }

    @Loop private func client(_ cluster: PrivateCluster) async throws -> RedisClient {
        // One seed: the other nodes are learned from it, be it a replica.
        let client = RedisClient(try RedisConfiguration(clusterSeeds: [cluster.seeds[2]]), purpose: "test")
        client.start()
        try await client.waitUntilReady(within: .seconds(10))
        return client
    }

    @Loop @Test func callsFollowAKeyWhileItsSlotMovesAndAfterwards() async throws {
        let cluster = try await PrivateCluster.start(masters: 2, replicas: 1)
        defer { cluster.stop() }
        let client = try await client(cluster)
        defer { client.close() }
        for number in 0..<50 { _ = try await client.command(["SET", "key-\(number)", RedisArgument(number)]) }
        let sizes = try await client.commandToAll(["DBSIZE"]).compactMap(\.integer)
        #expect(sizes.count == 2 && sizes.reduce(0, +) == 50 && !sizes.contains(0))

        let slot = HashSlot.of("{moving}")
        let source = slot < 8192 ? 0 : 1
        for key in ["{moving}1", "{moving}2", "{moving}3", "{moving}4"] {
            _ = try await client.command(["SET", .string(key), .string(key)])
        }
        try await cluster.move(slot: slot, from: source, to: 1 - source) {
            // Two have moved, and are asked for there; a new key begins there too.
            for key in ["{moving}1", "{moving}2", "{moving}3", "{moving}4"] {
                #expect(try await client.command(["GET", .string(key)]).string == key)
            }
            _ = try await client.command(["SET", "{moving}5", "{moving}5"])
            let script = RedisScript(name: "get", source: "#!lua\nreturn redis.call('GET', KEYS[1])")
            let answer = try await client.evaluate(script, keys: ["{moving}5"], arguments: [])
            #expect(answer.string == "{moving}5")
        }
        for number in 1...5 {
            #expect(try await client.command(["GET", "{moving}\(number)"]).string == "{moving}\(number)")
        }
        #expect(try await cluster.tell(1 - source, "CLUSTER", "COUNTKEYSINSLOT", "\(slot)") == "5")
    }

    @Loop @Test func aScriptTellsTheRunIdOfTheNodeThatItReaches() async throws {
        let cluster = try await PrivateCluster.start(masters: 2, replicas: 1)
        defer { cluster.stop() }
        let client = try await client(cluster)
        defer { client.close() }
        let script = RedisScript(name: "echo", source: "#!lua\nreturn ARGV[1]")
        let slot = HashSlot.of("moving")
        let source = slot < 8192 ? 0 : 1
        func runID(_ node: Int) async throws -> String? {
            let info = try await cluster.tell(node, "INFO", "server")
            return info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("run_id:") }.map {
                String($0.dropFirst(7))
            }
        }
        #expect(try await client.evaluate(script, keys: ["moving"], arguments: [.runID]).string == runID(source))
        try await cluster.move(slot: slot, from: source, to: 1 - source)
        // Sent to the old one first, and led on: with the id of the other.
        #expect(try await client.evaluate(script, keys: ["moving"], arguments: [.runID]).string == runID(1 - source))
    }

    @Loop @Test func aLostMasterIsReplacedByItsReplica() async throws {
        let cluster = try await PrivateCluster.start()
        defer { cluster.stop() }
        let client = try await client(cluster)
        defer { client.close() }
        _ = try await client.command(["SET", "a", "1"])
        let node = try #require(try await cluster.owner(of: HashSlot.of("a"), askedOf: 0))
        try await eventually { try await cluster.tell(node + 3, "DBSIZE") == "1" }
        cluster.nodes[node].kill()
        var errors: Set<RedisError.Kind> = []
        try await eventually(within: .seconds(30)) {
            do throws(RedisError) {
                return try await client.command(["GET", "a"]).string == "1"
            } catch {
                #expect(error.isUnreachableStore)
                errors.insert(error.kind)
                return false
            }
        }
        try await eventually { client.isReady }
        #expect(try await client.commandToAll(["PING"]).count == 3)
    }
}
