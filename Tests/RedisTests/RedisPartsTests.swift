import EventLoop
import Testing

@testable import Redis

@Suite struct RedisPartsTests {
    @Test(arguments: [
        (0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"), (3, "7e240de74fb1ed08fa08d38063f6a6a91462a815"),
        (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"), (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
        (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"), (119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"),
        (1000, "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
    ])
    func scriptsAreNamedAsRedisNamesThem(length: Int, digest: String) {
        #expect(RedisScript(name: "a", source: String(repeating: "a", count: length)).sha1 == digest)
    }

    @Test func argumentsAreEncodedByTheirBytes() {
        let encoder = CommandEncoder()
        encoder.encode(["SET", "é", .bytes([0, 13]), .integer(.min), .integer(0), .bytes([]), "a\(1)"])
        let text = encoder.withBytes { start, count in
            #expect(start[count] == 0, "hiredis looks one byte beyond")
            return (0..<count).map { UInt8(bitPattern: start[$0]) }
        }
        let expected =
            Array("*7\r\n$3\r\nSET\r\n$2\r\né\r\n$2\r\n".utf8) + [0, 13]
            + Array("\r\n$20\r\n-9223372036854775808\r\n$1\r\n0\r\n$0\r\n\r\n$2\r\na1\r\n".utf8)
        #expect(text == expected)
    }

    @Test func aHugeCommandLeavesNoHugeBuffer() {
        let encoder = CommandEncoder()
        for size in [10, 3 << 20, 10] {
            encoder.encode([.bytes([UInt8](repeating: 7, count: size))])
            let ends = encoder.withBytes { start, count in (count, start[count - 3], start[count - 1]) }
            #expect(ends == ("*1\r\n$\(size)\r\n\r\n".utf8.count + size, 7, 10))
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("-1", -1), ("9223372036854775807", Int64.max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("", nil), ("-", nil), ("1x", nil), ("+1", nil), (" 1", nil),
        ] as [(String, Int64?)])
    func aBulkStringIsAnIntegerOnlyAsAWhole(text: String, value: Int64?) {
        #expect(RedisValue.bytes(Array(text.utf8)).integer == value)
    }

    @Loop @Test func repliesGoToCommandsInTheirOrder() {
        var queue = InFlightCommands()
        var nextIn: Int64 = 0
        var nextOut: Int64 = 0
        var random = SystemRandomNumberGenerator()
        for round in 0..<400 {
            for _ in 0..<Int.random(in: 0...200, using: &random) {
                queue.append(InFlightCommand(receiver: .closure { _ in }, owedWithin: nextIn, startOffset: 0))
                nextIn += 1
            }
            for _ in 0..<Int.random(in: 0...(round < 200 ? 120 : 300), using: &random) {
                #expect(queue.firstOwedWithin == (nextOut < nextIn ? nextOut : nil))
                guard let command = queue.popFirst() else { break }
                #expect(command.owedWithin == nextOut)
                nextOut += 1
            }
            #expect(queue.count == Int(nextIn - nextOut))
            #expect(queue.isEmpty == (nextIn == nextOut))
        }
    }
}
