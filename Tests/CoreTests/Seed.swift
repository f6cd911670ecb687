import Glibc

/// A random generator that can be replayed: SplitMix64 from a seed that every failure prints.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The seed of this run: another one each time, unless `TRIBUTARY_TEST_SEED` repeats one.
let testSeed: UInt64 = {
    let given = getenv("TRIBUTARY_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
    let seed = given ?? UInt64.random(in: 0 ... .max)
    print("TRIBUTARY_TEST_SEED=\(seed)")
    return seed
}()

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
