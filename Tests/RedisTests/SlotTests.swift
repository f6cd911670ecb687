import Testing

@testable import Redis

@Suite struct SlotTests {
    /// Those of the Cluster specification and of `CLUSTER KEYSLOT`.
    @Test(arguments: [
        ("123456789", 12_739), ("foo", 12_182), ("{foo}bar", 12_182), ("", 0), ("{}foo", 9_500), ("foo{}{bar}", 8_363),
        ("foo{{bar}}zap", 4_015), ("foo{bar}{zap}", 5_061), ("tributary:{3}:webhooks:ready", 1_584),
    ])
    func aKeysSlotIsThatOfItsTag(key: String, slot: Int) { #expect(HashSlot.of(key) == slot) }

    @Test func aRedirectionNamesSlotAndNode() {
        #expect(
            RedisError(reply: "MOVED 3999 127.0.0.1:6381").kind
                == .moved(RedisRedirection(slot: 3999, host: "127.0.0.1", port: 6381)))
        #expect(
            RedisError(reply: "ASK 16383 ::1:6381").kind
                == .ask(RedisRedirection(slot: 16_383, host: "::1", port: 6381)))
        #expect(RedisError(reply: "MOVED 0 :6381").kind == .moved(RedisRedirection(slot: 0, host: "", port: 6381)))
        for bad in ["MOVED", "MOVED 3999", "MOVED 16384 127.0.0.1:1", "MOVED 1 127.0.0.1:0", "ASK x 127.0.0.1:1"] {
            #expect(RedisError(reply: bad).kind == .other)
        }
        #expect(RedisError(reply: "MOVED 3999 127.0.0.1:6381").isUnreachableStore)
        #expect(!RedisError(reply: "ASK 3999 127.0.0.1:6381").mayHaveHappened)
        let endpoint = RedisConfiguration.Endpoint.tcp(address: "10.0.0.7", port: 1)
        #expect(endpoint.neighbour(host: "", port: 2) == .tcp(address: "10.0.0.7", port: 2))
        #expect(endpoint.neighbour(host: "redis.example", port: 2) == nil)
    }

    @Test func aTableTellsMastersOfSlots() throws {
        func node(_ host: String, _ port: Int64) -> RedisValue {
            .array([.bytes(Array(host.utf8)), .integer(port), .bytes(Array("id".utf8)), .array([])])
        }
        let answer = RedisValue.array([
            .array([.integer(0), .integer(99), node("10.0.0.1", 7000), node("10.0.0.2", 7001)]),
            .array([.integer(200), .integer(16_383), node("", 7002)]),
        ])
        var table = try #require(SlotTable(answer, seenFrom: .tcp(address: "10.0.0.9", port: 7002)))
        #expect(table.master(of: 0) == .tcp(address: "10.0.0.1", port: 7000))
        #expect(table.master(of: 99) == .tcp(address: "10.0.0.1", port: 7000))
        #expect(table.master(of: 100) == nil)
        #expect(table.master(of: 16_383) == .tcp(address: "10.0.0.9", port: 7002))
        #expect(table.replicas == [.tcp(address: "10.0.0.2", port: 7001)])
        table.move(99, to: .tcp(address: "10.0.0.3", port: 7003))
        #expect(table.master(of: 99) == .tcp(address: "10.0.0.3", port: 7003))
        #expect(table.master(of: 98) == .tcp(address: "10.0.0.1", port: 7000))
        #expect(SlotTable(.array([]), seenFrom: .tcp(address: "::1", port: 1)) == nil)
        #expect(
            SlotTable(
                .array([.array([.integer(0), .integer(16_384), node("::1", 1)])]),
                seenFrom: .tcp(address: "::1", port: 1)
            ) == nil)
    }
}
