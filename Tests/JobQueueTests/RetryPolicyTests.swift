import Core
import JobQueue
import Testing

struct RetryPolicyTests {
    @Test func theCeilingDoublesUpToTheCap() {
        let policy = RetryPolicy()
        let seconds = [1, 2, 3, 5, 9, 10, 11, 1000].map { policy.ceiling(afterAttempt: $0).milliseconds / 1000 }
        #expect(seconds == [1, 2, 4, 16, 256, 512, 600, 600])
    }

    @Test func theJitterIsFullAndEven() {
        let policy = RetryPolicy()
        var random = Seeded(state: 1)
        let delays = (0..<10_000).map { _ in
            policy.delay(afterAttempt: 4, random: &random).milliseconds
        }
        #expect(delays.allSatisfy { (1...8000).contains($0) })
        let mean = delays.reduce(0, +) / Int64(delays.count)
        #expect((3800...4200).contains(mean))
        #expect(delays.filter { $0 < 800 }.count > 800)
    }

    @Test func aFactorOfOneStaysAtItsBase() {
        #expect(RetryPolicy(base: .seconds(5), factor: 1).ceiling(afterAttempt: 50) == .seconds(5))
    }
}

/// SplitMix64: a random source that can be replayed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
