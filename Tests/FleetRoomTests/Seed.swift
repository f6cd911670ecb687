import Glibc

/// The seed of the property tests: TRIBUTARY_SEED, or a new one, printed so that a failure can be replayed.
enum Seed {
    static let value: UInt64 = {
        let given = getenv("TRIBUTARY_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? UInt64.random(in: 0...UInt64(Int.max))
        print("FleetRoomTests: TRIBUTARY_SEED=\(seed)")
        return seed
    }()
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
