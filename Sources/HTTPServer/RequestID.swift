/// Makes and checks request ids.
struct RequestID {
    static let name = "X-Request-Id"
    private static let lengthMax = 128

    // Not for secrets: ids need only differ, so a seeded generator saves a system call for each request.
    private var state = UInt64.random(in: .min ... .max)
    private let process = UInt64.random(in: .min ... .max)

    /// The client's id if it is 1 to 128 letters, digits, `.`, `_`, `:`, `-`; else a new one of 32 hexadecimal digits.
    mutating func accept(_ proposed: String?) -> String {
        if let proposed, !proposed.isEmpty, proposed.utf8.count <= Self.lengthMax, proposed.utf8.allSatisfy(Self.isFit)
        {
            return proposed
        }
        return make()
    }

    mutating func make() -> String {
        // SplitMix64.
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        let words = (process, mixed)
        return String(unsafeUninitializedCapacity: 32) { text in
            for index in 0..<32 {
                let word = index < 16 ? words.0 : words.1
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index % 16))) & 15
                text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return 32
        }
    }

    private static func isFit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
