import Glibc

/// SplitMix64: the same numbers for the same seed on every machine.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// `TRIBUTARY_SEED` replays a run; without it each run has its own.
    package static func seedOfThisRun() -> UInt64 {
        if let text = getenv("TRIBUTARY_SEED"), let seed = UInt64(String(cString: text)) { return seed }
        return UInt64.random(in: 0 ... .max)
    }

    /// Whether something of this probability, in percent, happens.
    package mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}
