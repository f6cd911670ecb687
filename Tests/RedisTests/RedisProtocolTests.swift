import Core
import EventLoop
import Redis
import TestSupport
import Testing

/// Peers that do not speak as Redis does: each ends its connection, none ends the process.
@Suite struct RedisProtocolTests {
    init() { Loop.startThread() }

    @Loop @Test(arguments: ["+OK\r\n", ":1\r\n", "-ERR unasked\r\n", "*1\r\n$1\r\na\r\n", "*-1\r\n", "$-1\r\n"])
    func aReplyThatNobodyAskedForEndsTheConnection(reply: String) async throws {
        let fake = try FakeRedis()
        fake.says = reply
        let redis = try await RedisFixture.connect(port: fake.port)
        try await eventually { redis.readyCount >= 3 }
        #expect(fake.acceptedCount >= 3)
        redis.close()
        fake.close()
    }

    @Loop
    @Test(arguments: [
        "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "*2147483648\r\n", "$-7\r\n", ":1x\r\n",
        String(repeating: "*1\r\n", count: 12),
    ])
    func anotherProtocolIsSaidToBeOne(text: String) async throws {
        let fake = try FakeRedis(greets: false)
        fake.says = text
        let redis = RedisConnection(try RedisFixture.configuration(port: fake.port), purpose: "test")
        redis.start()
        try await eventually { redis.lastFailure?.kind == .connectionLost }
        #expect(redis.readyCount == 0)
        redis.close()
        fake.close()
    }

    @Loop @Test func aServerWithoutRunIDIsNotServed() async throws {
        let fake = try FakeRedis(greets: false)
        fake.says = "+OK\r\n+OK\r\n+OK\r\n"
        let redis = RedisConnection(try RedisFixture.configuration(port: fake.port), purpose: "test")
        redis.start()
        try await eventually { redis.lastFailure?.message.contains("run_id") == true }
        #expect(redis.readyCount == 0)
        redis.close()
        fake.close()
    }
}
